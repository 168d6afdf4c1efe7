import { BindingError } from "@netbind/contract";
import { BusyError, MigrationRefusedError, VmExistsError, VmNotFoundError } from "@netbind/local";
import { InputError } from "./violations.ts";

/** What a command's exit code says. */
export const EXIT = { ok: 0, failed: 1, usage: 2, refused: 3, notFound: 4, busy: 5, interrupted: 130 } as const;

export const EXIT_HELP = `
Exit codes: 0 done; 1 it failed; 2 the command line is wrong; 3 the input, a plan or a migration is refused;
4 there is no such VM; 5 the VM runs already, or another netbind works on it; 130 interrupted.`;

/** The exit code for an error. */
export function exitCodeOf(error: unknown): number {
  if (
    error instanceof InputError ||
    error instanceof MigrationRefusedError ||
    (error instanceof BindingError && error.code === "PLAN_OUT_OF_BOUNDS")
  )
    return EXIT.refused;
  if (error instanceof VmNotFoundError) return EXIT.notFound;
  if (error instanceof BusyError || error instanceof VmExistsError) return EXIT.busy;
  if (error instanceof Error && error.name === "AbortError") return EXIT.interrupted;
  return EXIT.failed;
}
