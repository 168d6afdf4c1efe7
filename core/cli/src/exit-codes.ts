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

/** The exit codes of all commands, for `netbind help exit-codes`. */
export const EXIT_CODES: readonly (readonly [number, string])[] = [
  [EXIT.ok, "done"],
  [
    EXIT.failed,
    "failed; validate: KubeVirt refuses a VM, or with --strict there is a warning; check: a VM differs; doctor: something is wrong",
  ],
  [EXIT.usage, "wrong command line"],
  [EXIT.refused, "the input or a file that an option names is not valid, or a plan or a migration is refused"],
  [EXIT.notFound, "no such VM"],
  [EXIT.busy, "the VM runs already, or another netbind process is working on it"],
  [EXIT.interrupted, "interrupted by Ctrl-C"],
  [EXIT.ended, "ended by SIGTERM"],
];

/** Errors by their names: the classes of some come with all that starts VMs, which most commands do not load. */
const BY_NAME: Readonly<Record<string, number>> = {
  InputError: EXIT.refused,
  GrantsError: EXIT.refused,
  NamedFileError: EXIT.refused,
  OptionError: EXIT.usage,
  MigrationRefusedError: EXIT.refused,
  VmNotFoundError: EXIT.notFound,
  VmNotInClusterError: EXIT.notFound,
  ConnectionError: EXIT.refused,
  BusyError: EXIT.busy,
  VmExistsError: EXIT.busy,
};

/** The exit code for an error. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof BindingError) return error.code === "PLAN_OUT_OF_BOUNDS" ? EXIT.refused : EXIT.failed;
  if (error instanceof InterruptedError) return error.exitCode;
  return error instanceof Error ? (BY_NAME[error.name] ?? EXIT.failed) : EXIT.failed;
}
