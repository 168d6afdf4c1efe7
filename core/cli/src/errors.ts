import { BindingError } from "@netbind/contract";
import type { InputViolation } from "@netbind/input";
import type { VmFailure } from "@netbind/local";

/*
 * The errors of the command, by name: a class where callers distinguish it from others, else a function, each for one
 * cause. What comes with all that starts VMs has errors of its own.
 */

/** A binding that did not answer, and the VMs, `namespace/name`, that it was not asked about or did not answer for. */
export interface BindingFailure {
  readonly binding: string;
  readonly error: BindingError;
  readonly vms: readonly string[];
}

/** The guest's console cannot be connected to. */
export const consoleNotServed = (vm: string, cause: Error): Error =>
  new Error(`the console of ${vm} is not served: ${cause.message}`, { cause });

/** A document takes longer to read than any document should. */
export class DeadlineError extends Error {
  override readonly name = "DeadlineError";
}

/** Text that is not written in UTF-8, which kubectl does not take. */
export class EncodingError extends Error {
  override readonly name = "EncodingError";
}

/** A file that is larger than any that is read, or has no end. */
export class TooLargeError extends Error {
  override readonly name = "TooLargeError";
}

/** The input is refused: all that is wrong with it. */
export class InputError extends Error {
  override readonly name = "InputError";
  readonly violations: readonly InputViolation[];

  constructor(violations: readonly InputViolation[]) {
    super(`the input is refused: ${violations.length} ${violations.length === 1 ? "problem" : "problems"}`);
    this.violations = violations;
  }
}

/** A command ended because of a signal. */
export class InterruptedError extends Error {
  override readonly name = "InterruptedError";
  readonly exitCode: number;

  constructor(message: string, exitCode: number, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** Files that options name cannot be read, or are not what they are to be: all that is wrong, a line each. */
export class NamedFileError extends Error {
  override readonly name = "NamedFileError";

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
  }
}

/** Nothing on this machine plans for a binding. */
export const noPlanner = (binding: string): BindingError =>
  new BindingError(
    "UNAVAILABLE",
    `no plugin is named for binding "${binding}"`,
    `name its plugin: --plugin ${binding}=FILE`,
  );

/** Bindings did not answer: all of them, each once. What was found of the VMs all the same goes with it. */
export class PluginsFailedError extends BindingError {
  readonly failures: readonly BindingFailure[];
  readonly violations: readonly InputViolation[];

  constructor(failures: readonly BindingFailure[], violations: readonly InputViolation[] = []) {
    const texts = failures.map(({ binding, error, vms }) =>
      vms.length === 0
        ? error.message
        : `${error.message}\n    not checked by binding ${JSON.stringify(binding)}: ${vms.join(", ")}`,
    );
    const hints = [...new Set(failures.map(({ error }) => error.hint))];
    super(failures[0]?.error.code ?? "PLUGIN_FAILED", texts.join("\n"), hints.join("; "), {
      cause: failures[0]?.error,
    });
    this.failures = failures;
    this.violations = violations;
  }
}

/** An option's value is none of those that it takes. */
export class OptionError extends Error {
  override readonly name = "OptionError";
}

/** The command changes this machine. */
export class RootError extends Error {
  override readonly name = "RootError";

  constructor(command: string) {
    super(`netbind ${command} needs root: sudo netbind ${command} ...`);
  }
}

/** A VM is started with a plugin from a file: one that is served elsewhere is in no pod. */
export const socketInRun = (plugin: string): Error =>
  new Error(
    `--plugin ${plugin}: run starts a sidecar from the plugin's bundle: write ${plugin}=FILE (unix:SOCKET is for commands that start nothing)`,
  );

/** A VM that a cluster does not have. */
export class VmNotInClusterError extends Error {
  override readonly name = "VmNotInClusterError";
}

export const vmNotInCluster = (
  { namespace, name }: { readonly namespace: string; readonly name: string },
  context: string,
): VmNotInClusterError =>
  new VmNotInClusterError(
    `no VM ${namespace}/${name} in the cluster${context === "" ? "" : ` of context ${JSON.stringify(context)}`}: netbind status --cluster -A lists those that run`,
  );

/** VMs that were to be stopped are there still. */
export const vmsNotStopped = (failed: readonly VmFailure[]): Error =>
  new Error(failed.map(({ vm, error }) => `VM ${vm} is not stopped: ${error.message}`).join("\n"), {
    cause: failed[0]?.error,
  });
