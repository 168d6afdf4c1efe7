import { BindingError } from "@netbind/contract";

/** What comes at once from a plugin in this process, and later from one behind a socket. */
export type Answer<T> = T | Promise<T>;

/**
 * Asks a binding, and stamps who was asked for what on anything that it throws.
 *
 * @throws BindingError the binding's own, or PLUGIN_FAILED with the author's error as its cause
 */
export async function askBinding<T>(where: string, ask: () => Answer<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!BindingError.is(error)) throw BindingError.from(error, "PLUGIN_FAILED", where);
    const message = error.message.startsWith(where) ? error.message : `${where}: ${error.message}`;
    throw new BindingError(error.code, message, error.hint, { cause: error });
  }
}

/** As many failures as a person reads. */
const MOST_FAILURES = 20;

/** Several failures as one error, which says of each what it says. */
function joined(first: BindingError, others: readonly BindingError[]): BindingError {
  if (others.length === 0) return first;
  const failures = [first, ...others];
  const messages = [...new Set(failures.map(({ message }) => message))];
  const more = messages.length - MOST_FAILURES;
  const shown = [...messages.slice(0, MOST_FAILURES), ...(more > 0 ? [`and ${more} more failures`] : [])];
  // A message that quotes a plugin's output has lines of its own.
  const text = shown.join(shown.some((message) => message.includes("\n")) ? "\n" : "; ");
  return new BindingError(first.code, text, [...new Set(failures.map(({ hint }) => hint))].join("; "), {
    cause: first,
  });
}

/**
 * Waits for the answers of several bindings, whichever of them fail.
 *
 * @throws BindingError with all failures at once; another error as it is, where one of them is not a binding's
 */
export async function allAnswers<T>(answers: Iterable<Promise<T>>): Promise<readonly T[]> {
  const settled = await Promise.allSettled(answers);
  const reasons = settled.flatMap((one): readonly unknown[] => (one.status === "rejected" ? [one.reason] : []));
  const other = reasons.findIndex((reason) => !BindingError.is(reason));
  if (other !== -1) throw reasons[other];
  const [first, ...others] = reasons.filter(BindingError.is);
  if (first !== undefined) throw joined(first, others);
  return settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
}
