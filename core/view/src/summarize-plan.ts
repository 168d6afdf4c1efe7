import type { DecidedNic, NicPreview, NicsDecision, VmPreview } from "@netbind/engine";
import { guestMac, plannedGuestAddresses, portTexts } from "@netbind/engine/nic-status";
import { terminalLine } from "@netbind/engine/terminal";
import { count, definitions } from "./table.ts";

/** A VM's plan, and what was decided of its NICs before. */
export interface PlannedVm {
  readonly preview: VmPreview;
  readonly decision: NicsDecision;
}

/** Names, each with a text. */
type Rows = readonly (readonly [name: string, text: string])[];

const MEBIBYTE = 1024 * 1024;

const mebibytes = (bytes: number): string => `${Math.ceil(bytes / MEBIBYTE)} MiB`;

/** What a VM's bindings cost beside its guest, and what a cluster would keep for them. */
const memoryLines = ({ needed, registered }: VmPreview["memoryOverhead"]): readonly string[] => [
  ...(needed === 0 ? [] : [`memory: the bindings need ${mebibytes(needed)} beside the guest's`]),
  ...(needed <= registered
    ? []
    : [
        `memory: a cluster reserves ${mebibytes(registered)} for them: set computeResourceOverhead.requests.memory in the KubeVirt CR's registration`,
      ]),
];

/** How much a plan makes, in a line. */
function amountOf(nics: readonly NicPreview[]): string {
  const tables = nics.flatMap(({ nftables }) => nftables.match(/^table /gm) ?? []);
  return [
    count(nics, "NIC"),
    count(
      nics.flatMap(({ links }) => links),
      "link",
    ),
    count(
      nics.flatMap(({ sysctls }) => sysctls ?? []),
      "sysctl",
    ),
    count(tables, "nftables table"),
    count(
      nics.flatMap(({ services }) => services),
      "service",
    ),
  ].join(", ");
}

/** What stands behind a thing that only a pod could show. */
const assumedMark = ({ assumed }: NicPreview, what: "pod" | "device"): string =>
  assumed.includes(what) ? " (assumed)" : "";

/** What the guest's device is connected to. */
function deviceOf(nic: NicPreview, { names }: DecidedNic): string {
  const { domain, links, pod } = nic;
  switch (domain.kind) {
    case "tap": {
      const tap = links.find(({ kind }) => kind === "tap");
      const bridge = tap?.kind === "tap" ? tap.bridge : undefined;
      return `tap ${tap?.name ?? names.tap}${bridge === undefined ? "" : ` on bridge ${bridge}`}`;
    }
    case "passt":
      return `passt on ${pod.name}`;
    case "userNetwork":
      return `a network inside QEMU, ${domain.network}`;
    case "hostdev":
      return `PCI device ${domain.pciAddress}${assumedMark(nic, "device")}`;
    case "vdpa":
      return `vDPA device ${domain.device}${assumedMark(nic, "device")}`;
    case "vhostuser":
      return `vhost-user socket ${domain.socket}`;
    default:
      return domain satisfies never;
  }
}

/** Where the guest's addresses come from. */
function addressesOf({ domain, services }: NicPreview): string {
  if (domain.kind === "passt") return "the pod's, from passt";
  if (domain.kind === "userNetwork") return "from QEMU";
  const planned = plannedGuestAddresses({ domain, services });
  return planned.length === 0 ? "none from Netbind: its network gives them" : `${planned.join(", ")} from Netbind`;
}

const networkOf = ({ spec: { network } }: DecidedNic): string =>
  network.kind === "pod" ? "the pod network" : `network ${network.networkName}`;

/** The guest's card: its model, where it is not a device of the host's, and its address. */
function cardOf(nic: NicPreview, decided: DecidedNic): string {
  const { spec, takesPodMac } = decided;
  const mac = `${guestMac(decided, nic.pod)}${takesPodMac ? assumedMark(nic, "pod") : ""}`;
  const model = nic.domain.kind === "hostdev" ? [] : [spec.model];
  return [...model, `MAC ${mac}`, ...(spec.state === "down" ? ["link down"] : [])].join(", ");
}

/** The pod's ports that reach the guest. */
function portsOf({ domain }: NicPreview, { spec: { ports } }: DecidedNic): string {
  if (domain.kind === "userNetwork") return portTexts(domain.forward).join(", ") || "none";
  return portTexts(ports).join(", ") || "all";
}

/** What a person wants to know of a NIC: each a name and a text. */
function nicRows(nic: NicPreview, decided: DecidedNic): Rows {
  const { name, mac, mtu, addresses } = nic.pod;
  return [
    ["guest", cardOf(nic, decided)],
    ["addresses", addressesOf(nic)],
    ["ports", portsOf(nic, decided)],
    ["device", deviceOf(nic, decided)],
    ["pod link", `${[name, mac, `MTU ${mtu}`, ...addresses].join(", ")}${assumedMark(nic, "pod")}`],
    ...(nic.queues === undefined ? [] : [["queues", String(nic.queues)] as const]),
    ...(nic.warnings ?? []).map((warning) => ["warning", warning] as const),
  ];
}

/** What the bindings have the pod get. */
function podRows({ pod: { spec } }: VmPreview, { bindings }: NicsDecision): Rows {
  const compute = spec.containers.find(({ name }) => name === "compute");
  const sidecars = bindings.flatMap(({ name, image }) => (image === undefined ? [] : [`${name} (${image})`]));
  const resources = Object.entries(compute?.resources?.limits ?? {}).map(([name, amount]) => `${name}: ${amount}`);
  return [
    ["sidecars", sidecars.join(", ") || "none"],
    ["capabilities", compute?.securityContext.capabilities.add?.join(", ") || "none"],
    ["resources", resources.join(", ") || "none"],
  ];
}

/** Names with their texts, below what they are of. */
const block = (title: string, rows: Rows): readonly string[] => [
  terminalLine(title),
  ...definitions(rows)
    .split("\n")
    .map((line) => `  ${line}`),
];

/** What a plan comes to: each NIC and what the pod gets, without how it is made. */
export function summarizePlan({ preview, decision }: PlannedVm): string {
  const { vm, nics, memoryOverhead } = preview;
  return [
    `VM ${vm}: ${amountOf(nics)}; nothing is made`,
    ...nics.flatMap((nic) => {
      const decided = decision.nics.find(({ spec }) => spec.name === nic.name);
      return decided === undefined
        ? []
        : block(`NIC ${nic.name}: ${nic.binding} on ${networkOf(decided)}`, nicRows(nic, decided));
    }),
    ...block("pod:", podRows(preview, decision)),
    ...memoryLines(memoryOverhead),
  ].join("\n");
}
