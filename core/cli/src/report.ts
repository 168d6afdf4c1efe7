import type { NicStatus, VmiStatusInterface } from "@netbind/engine";
import { table } from "./output.ts";

/** A VM's NICs as a table. */
export function nicTable(nics: readonly NicStatus[]): string {
  const header = ["NIC", "BINDING", "POD ADDRESS", "GUEST ADDRESS", "MAC", "MTU", "QUEUES", "PORTS", "TRAFFIC"];
  const rows = nics.map((nic) => [
    nic.name,
    nic.binding,
    nic.podAddresses.join(",") || "-",
    nic.guestAddresses.join(",") || "-",
    nic.mac,
    String(nic.mtu),
    String(nic.queueCount ?? 1),
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
