import type { NicStatus } from "@netbind/engine";
import { terminalLine } from "@netbind/engine/terminal";
import type { VmiStatusInterface } from "@netbind/kubevirt";
import { ageOf } from "./age.ts";
import { type Cell, table } from "./table.ts";

/** For what a table is made: how wide a line may be, and what time it is, in milliseconds since 1970. */
export interface Screen {
  readonly width: number;
  readonly now: number;
}

/** A VM that runs, or ran, as a reader sees it. */
export interface ShownVm {
  readonly namespace: string;
  readonly name: string;
  readonly phase: string;
  /** The name of its pod's network namespace. */
  readonly netns: string;
  readonly createdAt: string;
  /** Where its text is. */
  readonly source: string;
  readonly nics: readonly NicStatus[];
  /** `status.interfaces` as a cluster would report it; where the guest was asked. */
  readonly interfaces?: readonly VmiStatusInterface[];
  readonly processes: readonly { readonly role: string; readonly pids: readonly number[]; readonly alive: boolean }[];
}

/** What a cell has several of; a dash for none. */
const several = (texts: readonly string[]): Cell => (texts.length === 0 ? "-" : texts);

/** What is known of a NIC's packets. */
function trafficCell(traffic: NicStatus["traffic"]): string {
  if (traffic === undefined) return "unknown";
  return (
    [traffic.fromGuest ? "out" : "", traffic.toGuest ? "in" : ""].filter((word) => word !== "").join("+") || "none yet"
  );
}

/** What is said of guests that were not seen with all their addresses, a sentence for each NIC. */
export const missingAddresses = (nics: readonly NicStatus[]): readonly string[] =>
  nics
    .filter(({ guestAddresses, plannedAddresses }) => guestAddresses.length < plannedAddresses)
    .map(({ name, guestAddresses: [seen] }) => {
      if (seen === undefined)
        return `timed out waiting for an address of the guest on NIC ${name}: it may still be booting; see netbind status and netbind console`;
      const [family, by] = seen.includes(":") ? ["IPv4", "DHCP"] : ["IPv6", "DHCPv6"];
      return `the guest has no ${family} address on NIC ${name}: does it ask for one by ${by}?`;
    });

/** A VM's NICs as a table. */
export function nicTable(nics: readonly NicStatus[], { width }: Pick<Screen, "width">): string {
  const header = ["NIC", "BINDING", "POD ADDRESS", "GUEST ADDRESS", "MAC", "MTU", "QUEUES", "PORTS", "TRAFFIC"];
  const rows = nics.map((nic) => [
    nic.name,
    nic.binding,
    several(nic.podAddresses),
    several(nic.guestAddresses),
    nic.mac,
    String(nic.mtu ?? "-"),
    String(nic.queueCount ?? "-"),
    nic.ports.length === 0 ? "all" : nic.ports,
    trafficCell(nic.traffic),
  ]);
  return table([header, ...rows], width);
}

/** What a cluster would report of a VM's interfaces, as a table. */
export function interfaceTable(interfaces: readonly VmiStatusInterface[], { width }: Pick<Screen, "width">): string {
  const rows = interfaces.map(({ name, interfaceName, ipAddresses, mac, linkState, infoSource }) => [
    name ?? "-",
    interfaceName ?? "-",
    several(ipAddresses ?? []),
    mac ?? "-",
    linkState ?? "-",
    infoSource ?? "-",
  ]);
  return table([["INTERFACE", "IN GUEST", "ADDRESSES", "MAC", "LINK", "SOURCE"], ...rows], width);
}

/** One VM, with its NICs and processes. */
export function formatVm(vm: ShownVm, screen: Screen): string {
  const processes = vm.processes.map(({ role, pids, alive }) => [
    role,
    several(pids.map(String)),
    alive ? "running" : "exited",
  ]);
  return [
    `VM ${vm.namespace}/${vm.name}: ${vm.phase} since ${vm.createdAt} (${ageOf(Date.parse(vm.createdAt), screen.now)}), from ${vm.source}`,
    `pod: network namespace ${vm.netns} (ip netns exec ${vm.netns} ...)`,
    "",
    nicTable(vm.nics, screen),
    ...(vm.interfaces === undefined ? [] : ["", interfaceTable(vm.interfaces, screen)]),
    "",
    table([["PROCESS", "PIDS", "STATE"], ...processes], screen.width),
  ].join("\n");
}

type ListedVm = Pick<ShownVm, "namespace" | "name" | "phase" | "nics" | "createdAt">;

/** VMs as a table, a line each. */
export function vmTable(vms: readonly ListedVm[], { width, now }: Screen): string {
  const rows = vms.map(({ namespace, name, phase, nics, createdAt }) => [
    namespace,
    name,
    phase,
    ageOf(Date.parse(createdAt), now),
    several(nics.flatMap(({ podAddresses }) => podAddresses)),
  ]);
  return table([["NAMESPACE", "NAME", "PHASE", "AGE", "ADDRESSES"], ...rows], width);
}

/** A VM, and all that is wrong with it, a sentence each. */
export interface Health {
  readonly vm: string;
  readonly problems: readonly string[];
}

/** What is wrong with a VM, or that nothing is. */
export const formatHealth = ({ vm, problems }: Health): string =>
  problems.length === 0
    ? `${vm}: healthy`
    : [`${vm}:`, ...problems.map((problem) => `  ${terminalLine(problem)}`)].join("\n");
