import type { Decision, NicPreview, VmPreview } from "@netbind/engine";

const MEBIBYTE = 1024 * 1024;

const mebibytes = (bytes: number): string => `${Math.ceil(bytes / MEBIBYTE)} MiB`;

/** What a VM's bindings cost beside its guest, and what a cluster would keep for them. */
const memoryLines = ({ needed, registered }: Decision["memoryOverhead"]): readonly string[] => [
  ...(needed === 0 ? [] : [`memory: the bindings need ${mebibytes(needed)} beside the guest's`]),
  ...(needed <= registered
    ? []
    : [
        `memory: a cluster reserves ${mebibytes(registered)} for them: set computeResourceOverhead.requests.memory in the KubeVirt CR's registration`,
      ]),
];

function formatNic(nic: NicPreview): string {
  const mark = nic.assumed.includes("pod") ? " (assumed)" : "";
  const { name, mac, mtu, addresses, routes } = nic.pod;
  return [
    `NIC ${nic.name}: binding ${nic.binding}`,
    `  pod link${mark}: ${name} mac ${mac} mtu ${mtu} addresses ${addresses.join(", ")}`,
    ...routes.map(
      ({ destination, gateway }) =>
        `  pod route${mark}: ${destination}${gateway === undefined ? "" : ` via ${gateway}`}`,
    ),
    ...(nic.queues === undefined
      ? []
      : [
          `  queues: ${nic.queues}, which take ${(nic.queueMemoryBytes ?? 0) / 1024} KiB of the node's memory beside the guest's`,
        ]),
    ...nic.links.map((link) => `  link: ${JSON.stringify(link)}`),
    ...(nic.sysctls ?? []).map(({ key, value }) => `  sysctl: ${key} = ${value}`),
    "  nftables:",
    ...nic.nftables
      .trimEnd()
      .split("\n")
      .map((line) => `    ${line}`),
    ...(nic.domain.kind === "hostdev"
      ? [
          `  device${nic.assumed.includes("device") ? " (assumed)" : ""}: PCI ${nic.domain.pciAddress}, given to the guest as it is`,
        ]
      : []),
    ...nic.services.map((service) => `  service: ${JSON.stringify(service)}`),
    ...(nic.warnings ?? []).map((warning) => `  warning: ${warning}`),
  ].join("\n");
}

const plural = (count: number, one: string): string => `${count} ${one}${count === 1 ? "" : "s"}`;

/** What a plan makes, in a line: all else says how. */
function summaryOf(nics: readonly NicPreview[]): string {
  const count = (of: (nic: NicPreview) => number): number => nics.reduce((sum, nic) => sum + of(nic), 0);
  const tables = count(({ nftables }) => nftables.split("\n").filter((line) => line.startsWith("table ")).length);
  return [
    plural(nics.length, "NIC"),
    plural(
      count(({ links }) => links.length),
      "link",
    ),
    plural(
      count(({ sysctls }) => (sysctls ?? []).length),
      "sysctl",
    ),
    plural(tables, "nftables table"),
    plural(
      count(({ services }) => services.length),
      "service",
    ),
  ].join(", ");
}

/** A plan as a person reads it. */
export const formatPlan = ({ vm, pod, memoryOverhead, nics, domainXml }: VmPreview): string =>
  [
    `VM ${vm}: ${summaryOf(nics)}; nothing is made`,
    ...nics.map(({ name, binding }) => `  NIC ${name} by ${binding}`),
    `pod: ${JSON.stringify(pod, null, 2)}`,
    ...memoryLines(memoryOverhead),
    ...nics.map(formatNic),
    "domain:",
    domainXml,
  ].join("\n");
