import type { Exec } from "@netbind/netns";

interface Waiting {
  readonly turn: number;
  readonly start: () => void;
}

/**
 * Runs at most so many commands at a time; the others wait in line. A node's processors are for its guests.
 *
 * @returns begins a turn. Commands of a turn go before those of later ones: of many pods that come at once, the first is
 * attached first, instead of all of them last.
 */
export function limitConcurrency(exec: Exec, most: number): () => Exec {
  let running = 0;
  let turns = 0;
  const waiting: Waiting[] = [];
  const wait = (turn: number): Promise<void> =>
    new Promise((start) => {
      const at = waiting.findIndex((other) => other.turn > turn);
      waiting.splice(at < 0 ? waiting.length : at, 0, { turn, start });
    });
  return () => {
    const turn = turns++;
    return async (argv, options) => {
      if (running >= most) await wait(turn);
      else running += 1;
      try {
        return await exec(argv, options);
      } finally {
        // The next waiter takes this one's place.
        const next = waiting.shift();
        if (next === undefined) running -= 1;
        else next.start();
      }
    };
  };
}
