interface Asked<Q, A> {
  readonly question: Q;
  readonly resolve: (answer: A) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Answers questions together that come at once or while others are answered. Each is answered by work that began after it
 * was asked.
 *
 * @param work gives an answer for each question, in their order
 */
export function inBatches<Q, A>(work: (questions: readonly Q[]) => Promise<readonly A[]>): (question: Q) => Promise<A> {
  const waiting: Asked<Q, A>[] = [];
  let isWorking = false;
  const answer = async (asked: readonly Asked<Q, A>[]): Promise<void> => {
    try {
      const answers = await work(asked.map(({ question }) => question));
      for (const [at, { resolve }] of asked.entries()) resolve(answers[at] as A);
    } catch (error) {
      for (const { reject } of asked) reject(error);
    }
  };
  const run = async (): Promise<void> => {
    isWorking = true;
    // What is asked in this same turn is answered together.
    await Promise.resolve();
    while (waiting.length > 0) await answer(waiting.splice(0));
    isWorking = false;
  };
  return (question) =>
    new Promise((resolve, reject) => {
      waiting.push({ question, resolve, reject });
      if (!isWorking) void run();
    });
}
