import type { NicStatus } from "@netbind/engine";
import type { VmiStatusInterface } from "@netbind/kubevirt";
import type { VmStatus } from "@netbind/local";
import { type OutputFormat, print, printJson, table, printMessage } from "./output.ts";

/** A VM's NICs as a table. */
export function nicTable(nics: readonly NicStatus[]): string {
  const header = ["NIC", "BINDING", "POD ADDRESS", "GUEST ADDRESS", "MAC", "MTU", "QUEUES", "PORTS", "TRAFFIC"];
  const rows = nics.map((nic) => [
    nic.name,
    nic.binding,
    nic.podAddresses.join(",") || "-",
    nic.guestAddresses.join(",") || "-",
    nic.mac,
    String(nic.mtu ?? "-"),
    String(nic.queueCount ?? "-"),
    nic.ports.join(",") || "all",
    [nic.traffic.fromGuest ? "out" : "", nic.traffic.toGuest ? "in" : ""].filter((word) => word !== "").join("+") || "none yet",
  ]);
  return table([header, ...rows]);
}

/** What a cluster would report of a VM's interfaces, as a table. */
export function interfaceTable(interfaces: readonly VmiStatusInterface[]): string {
  const rows = interfaces.map(({ name, interfaceName, ipAddresses, mac, linkState, infoSource }) => [
    name ?? "-",
    interfaceName ?? "-",
    (ipAddresses ?? []).join(",") || "-",
    mac ?? "-",
    linkState ?? "-",
    infoSource ?? "-",
  ]);
  return table([["INTERFACE", "IN GUEST", "ADDRESSES", "MAC", "LINK", "SOURCE"], ...rows]);
}

/** Prints what became of a VM; `is` says it in a few words, `more` are fields of the JSON beside the VM's. */
export function reportVm(status: VmStatus, is: string, format: OutputFormat, more: object = {}): void {
  if (format === "json") return printJson({ ...status, ...more });
  print(`VM ${status.namespace}/${status.name} ${is}\n\n${nicTable(status.nics)}\n`);
  for (const sentence of status.limits ?? []) printMessage(`warning: ${sentence}`);
  if (status.nics.some(({ guestAddresses, plannedAddresses }) => guestAddresses.length < plannedAddresses))
    printMessage("not every guest address was seen: the guest may still be booting; see netbind status and netbind console");
}
