import type { VmStatus } from "@netbind/local";
import { nicTable } from "@netbind/view";
import { type OutputFormat, print, printData, printMessage } from "../output.ts";

/** Prints what became of a VM; `is` says it in a few words, `more` are fields of the JSON beside the VM's. */
export function reportVm(status: VmStatus, is: string, format: OutputFormat, more: object = {}): void {
  if (format !== "text") return printData({ ...status, ...more }, format);
  print(`VM ${status.namespace}/${status.name} ${is}\n\n${nicTable(status.nics)}\n`);
  for (const sentence of status.limits ?? []) printMessage(`warning: ${sentence}`);
  if (status.nics.some(({ guestAddresses, plannedAddresses }) => guestAddresses.length < plannedAddresses))
    printMessage(
      "netbind did not see every guest address: the guest may still be booting; see netbind status and netbind console",
    );
}
