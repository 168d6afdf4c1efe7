import { Script } from "node:vm";
import { DeadlineError } from "../errors.ts";

/** Milliseconds for a file: the largest takes a few seconds. */
export const READING_DEADLINE = 60_000;

const isTimeout = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "code" in error && error.code === "ERR_SCRIPT_EXECUTION_TIMEOUT";

/** Where a script finds its work: the runtime stops scripts alone, and they see nothing but what is global. */
const WORK = "netbind.work";
const CALL = `globalThis[Symbol.for("${WORK}")]()`;

/**
 * Does work that waits for nothing, and stops it where it is not done in time: within a loop or a regular expression too.
 *
 * @throws DeadlineError where it was stopped, else whatever the work throws
 */
export function withinDeadline<T>(milliseconds: number, work: () => T): T {
  const outer = globalThis as { [key: symbol]: unknown };
  const key = Symbol.for(WORK);
  const before = outer[key];
  outer[key] = work;
  try {
    return new Script(CALL).runInThisContext({ timeout: milliseconds }) as T;
  } catch (error) {
    if (!isTimeout(error)) throw error;
    throw new DeadlineError(`it was not read within ${milliseconds / 1000} seconds`, { cause: error });
  } finally {
    outer[key] = before;
  }
}
