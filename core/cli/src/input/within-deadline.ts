import { createContext, Script } from "node:vm";
import { DeadlineError } from "../errors.ts";

/** Milliseconds for a file: the largest takes a few seconds. */
export const READING_DEADLINE = 60_000;

/** The runtime's own error is of the context's classes, not of these here. */
const isTimeout = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "code" in error && error.code === "ERR_SCRIPT_EXECUTION_TIMEOUT";

/**
 * Does work that waits for nothing, and stops it where it is not done in time: within a loop or a regular expression too.
 *
 * @throws DeadlineError where it was stopped, else whatever the work throws
 */
export function withinDeadline<T>(milliseconds: number, work: () => T): T {
  const done: T[] = [];
  const context = createContext({ work: () => void done.push(work()) });
  try {
    new Script("work()").runInContext(context, { timeout: milliseconds });
  } catch (error) {
    if (!isTimeout(error)) throw error;
    throw new DeadlineError(`it was not read within ${milliseconds / 1000} seconds`, { cause: error });
  }
  return done[0] as T;
}
