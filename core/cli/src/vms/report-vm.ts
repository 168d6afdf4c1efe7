import type { VmStatus } from "@netbind/local";
import { nicTable } from "@netbind/view";
import { type OutputFormat, print, printData, printMessage, screen } from "../output.ts";

/** Prints what became of a VM; `is` says it in a few words, `more` are fields of the JSON beside the VM's. */
export function reportVm(status: VmStatus, is: string, format: OutputFormat, more: object = {}): void {
  if (format !== "text") return printData({ ...status, ...more }, format);
  print(`VM ${status.namespace}/${status.name} ${is}\n\n${nicTable(status.nics, screen())}\n`);
  for (const sentence of status.limits ?? []) printMessage(`warning: ${sentence}`);
  const missing = status.nics.filter(
    ({ guestAddresses, plannedAddresses }) => guestAddresses.length < plannedAddresses,
  );
  if (missing.length > 0)
    printMessage(
      `timed out waiting for an address of the guest on NIC ${missing.map(({ name }) => name).join(", ")}: it may still be booting; see netbind status and netbind console`,
    );
}
