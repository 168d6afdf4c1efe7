import type { LocalPodRecord, VmFailure } from "@netbind/local";
import { EXIT, exitCodeOf } from "../exit-codes.ts";
import { printMessage } from "../output.ts";

/** VMs that something could not be done for, in the JSON of what was done. */
export const failuresJson = (failed: readonly VmFailure[]): object =>
  failed.length === 0 ? {} : { failed: failed.map(({ vm, error }) => ({ vm, message: error.message })) };

/** Prints for which VMs something could not be done. Gives the exit code: of the first, where there are some. */
export function printFailures(failed: readonly VmFailure[], what: string): number {
  for (const { vm, error } of failed) printMessage(`VM ${vm} ${what}: ${error.message}`);
  const [first] = failed;
  return first === undefined ? EXIT.ok : exitCodeOf(first.error);
}

/** `namespace/name` of a VM. */
export const fullName = ({ namespace, name }: LocalPodRecord): string => `${namespace}/${name}`;
