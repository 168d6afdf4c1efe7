import { type NicStatus, terminalLine } from "@netbind/engine";
import type { VmiStatusInterface } from "@netbind/kubevirt";
import { table } from "./table.ts";

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
    [nic.traffic.fromGuest ? "out" : "", nic.traffic.toGuest ? "in" : ""].filter((word) => word !== "").join("+") ||
      "none yet",
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

/** One VM, with its NICs and processes. */
export function formatVm(vm: ShownVm): string {
  const processes = vm.processes.map(({ role, pids, alive }) => [
    role,
    pids.join(",") || "-",
    alive ? "running" : "exited",
  ]);
  return [
    `VM ${vm.namespace}/${vm.name}: ${vm.phase} since ${vm.createdAt}, from ${vm.source}`,
    `pod: network namespace ${vm.netns} (ip netns exec ${vm.netns} ...)`,
    "",
    nicTable(vm.nics),
    ...(vm.interfaces === undefined ? [] : ["", interfaceTable(vm.interfaces)]),
    "",
    table([["PROCESS", "PIDS", ""], ...processes]),
  ].join("\n");
}

type ListedVm = Pick<ShownVm, "namespace" | "name" | "phase" | "nics" | "createdAt">;

const rowOf = ({ namespace, name, phase, nics, createdAt }: ListedVm): readonly string[] => [
  namespace,
  name,
  phase,
  nics.flatMap(({ podAddresses }) => podAddresses).join(",") || "-",
  createdAt,
];

/** VMs as a table, a line each. */
export const vmTable = (vms: readonly ListedVm[]): string =>
  table([["NAMESPACE", "NAME", "PHASE", "ADDRESSES", "SINCE"], ...vms.map(rowOf)]);

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
