import type { VmStatus } from "@netbind/local";
import { missingAddresses, nicTable } from "@netbind/view";
import { type OutputFormat, print, printData, printMessage, screen } from "../output.ts";

/** Prints what became of a VM; `is` says it in a few words, `more` are fields of the JSON beside the VM's. */
export function reportVm(status: VmStatus, is: string, format: OutputFormat, more: object = {}): void {
  if (format !== "text") return printData({ ...status, ...more }, format);
  print(`VM ${status.namespace}/${status.name} ${is}\n\n${nicTable(status.nics, screen())}\n`);
  for (const sentence of status.limits ?? []) printMessage(`warning: ${sentence}`);
  for (const sentence of missingAddresses(status.nics)) printMessage(sentence);
}

/** Prints that a VM runs, or that it was stopped while its guest was still waited for. */
export function reportStarted(status: VmStatus, isStopped: boolean, format: OutputFormat): void {
  const isMissing = missingAddresses(status.nics).length > 0;
  if (isStopped && isMissing && format === "text")
    printMessage(`VM ${status.namespace}/${status.name} is stopped before its guest has taken its address`);
  else reportVm(status, status.phase === "over" ? "has ended" : "is running", format);
}
