import { BindingError } from "@netbind/contract";
import { InterruptedError } from "./errors.ts";

/** What a command's exit code says. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  refused: 3,
  notFound: 4,
  busy: 5,
  interrupted: 130,
  ended: 143,
} as const;

export const EXIT_HELP = `
Exit codes: 0 done; 1 failed; 2 wrong command line; 3 the input, or a file that an option names, cannot be read or is not
valid, or a plan or a migration is refused; 4 no such VM; 5 the VM runs already, or another netbind process works on it;
130 interrupted by Ctrl-C; 143 ended by SIGTERM.`;

/** Errors by their names: the classes of some come with all that starts VMs, which most commands do not load. */
const BY_NAME: Readonly<Record<string, number>> = {
  InputError: EXIT.refused,
  GrantsError: EXIT.refused,
  NamedFileError: EXIT.refused,
  OptionError: EXIT.usage,
  MigrationRefusedError: EXIT.refused,
  VmNotFoundError: EXIT.notFound,
  BusyError: EXIT.busy,
  VmExistsError: EXIT.busy,
};

/** The exit code for an error. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof BindingError) return error.code === "PLAN_OUT_OF_BOUNDS" ? EXIT.refused : EXIT.failed;
  if (error instanceof InterruptedError) return error.exitCode;
  return error instanceof Error ? (BY_NAME[error.name] ?? EXIT.failed) : EXIT.failed;
}
