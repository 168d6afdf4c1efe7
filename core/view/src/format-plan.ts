import type { NicPreview } from "@netbind/engine";
import { type PlannedVm, summarizePlan } from "./summarize-plan.ts";
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

/** A plan as a person reads it: what it comes to, and then all of it. */
export const formatPlan = ({ preview, decision }: PlannedVm): string =>
  [
    summarizePlan({ preview, decision }),
    "",
    `pod: ${JSON.stringify(preview.pod, null, 2)}`,
    ...preview.nics.map(formatNic),
    "domain:",
    preview.domainXml,
  ].join("\n");
