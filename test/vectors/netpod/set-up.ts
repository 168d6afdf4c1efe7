/** What is set up in a pod, in one form for both: links, sysctls, rules. */
import type { LinkPlan, NetworkPlan } from "@netbind/contract";
import type { Vmi } from "@netbind/kubevirt";
import { planRules } from "../nft.ts";
import { addressesOf, type Input, isLinkLocal, type Link, type Result } from "./nmstate.ts";
import { namesOf, type Planned } from "./planned.ts";

/** The address of a bridge's DHCP server is between it and its guest: which number it has changes nothing. */
const anyServer = (address: string): string => address.replace(/^169\.254\.75\.1\d+/, "169.254.75.N");

/** A link that a plan makes, as KubeVirt's list of wanted links has it. */
export interface Wanted {
  readonly name: string;
  readonly type: string;
  readonly up: boolean;
  readonly absent: boolean;
  readonly controller?: string | undefined;
  readonly mac?: string | undefined;
  readonly mtu?: number | undefined;
  readonly queues?: number | undefined;
  readonly addresses: readonly string[];
}

/** A link that is to go. */
export interface Gone {
  readonly name: string;
  readonly absent: true;
}

const TYPES = { bridge: "bridge", tap: "tap", adopted: "adopted", placeholder: "dummy" } as const;

/** A link that a plan makes, in this form. */
function wantedLink(link: LinkPlan): Wanted {
  const addresses =
    link.kind === "bridge" || link.kind === "placeholder"
      ? link.addresses.map(({ address, prefix }) => `${address}/${prefix}`)
      : [];
  return {
    name: link.name,
    type: TYPES[link.kind],
    up: link.kind !== "placeholder",
    absent: false,
    ...(link.kind === "tap" || link.kind === "adopted" ? { controller: link.bridge } : {}),
    ...(link.kind === "placeholder" || (link.kind === "bridge" && link.mac?.startsWith("02:00:00:00:00:00"))
      ? { mac: link.mac }
      : {}),
    // The mtu of a bridge is its ports', and an adopted link keeps its own.
    ...(link.kind === "tap" || link.kind === "placeholder" ? { mtu: link.mtu } : {}),
    ...(link.kind === "tap" ? { queues: link.queues } : {}),
    addresses: addresses.filter((address) => !isLinkLocal(address)).map(anyServer),
  };
}

/** A link of KubeVirt's list. */
export const theirLink = (link: Link): Wanted => ({
  name: link.name,
  type: link["copy-mac-from"] === undefined ? (link.type ?? "") : "adopted",
  up: link.state === "up",
  absent: link.state === "absent",
  ...(link.controller === undefined ? {} : { controller: link.controller }),
  ...(link["mac-address"] === undefined ? {} : { mac: link["mac-address"] }),
  ...(link.mtu === undefined || link.type === "bridge" ? {} : { mtu: link.mtu }),
  ...(link.tap === undefined ? {} : { queues: link.tap.queues ?? 0 }),
  addresses: addressesOf(link)
    .filter((address) => !isLinkLocal(address))
    .map(anyServer),
});

/** Links in the order of their names; those that are to go by name alone, for what they had does not matter. */
export const comparable = (links: readonly (Wanted | Gone)[]): readonly unknown[] =>
  links
    .map((link) => (link.absent ? { name: link.name, absent: true } : link))
    .sort((a, b) => (a.name < b.name ? -1 : 1));

/** The sysctls that KubeVirt sets. */
export function theirSysctls(spec: NonNullable<Result["spec"]>): readonly string[] {
  const { ipv4, ipv6 } = spec["linux-stack"] ?? {};
  const pings = ipv4?.["ping-group-range"];
  return [
    ...(ipv4?.forwarding ? ["net.ipv4.ip_forward=1"] : []),
    ...(ipv4?.["arp-ignore"] ? ["net.ipv4.conf.all.arp_ignore=1"] : []),
    ...(ipv6?.forwarding ? ["net.ipv6.conf.all.forwarding=1"] : []),
    ...(pings === undefined || pings === null ? [] : [`net.ipv4.ping_group_range=${pings.join(" ")}`]),
    ...(typeof ipv4?.["unprivileged-port-start"] === "number"
      ? [`net.ipv4.ip_unprivileged_port_start=${ipv4["unprivileged-port-start"]}`]
      : []),
    ...(spec.interfaces ?? [])
      .filter((link) => link["linux-stack"]?.["ip4-route-local-net"])
      .map(({ name }) => `net.ipv4.conf.${name}.route_localnet=1`),
  ].sort();
}

/** A NIC that is set up. */
type PlannedNic = Planned["plans"][number];
const isIpv6 = ({ address }: { readonly address: string }): boolean => address.includes(":");

/** True for a bridge NIC whose guest is served IPv6, which KubeVirt's never is. */
export const servesIpv6 = ({ nic, plan }: PlannedNic): boolean =>
  nic.bridge !== undefined &&
  (plan.network?.links ?? []).some((link) => link.kind === "bridge" && link.addresses.some(isIpv6));

/** The network of a plan, as far as KubeVirt has a word for it. */
export function networkOf(one: PlannedNic): NetworkPlan {
  const network = one.plan.network ?? { links: [] };
  if (!servesIpv6(one)) return network;
  return {
    ...network,
    links: network.links.map((link) =>
      link.kind === "bridge" ? { ...link, addresses: link.addresses.filter((address) => !isIpv6(address)) } : link,
    ),
    sysctls: (network.sysctls ?? []).filter(({ key }) => key !== "net.ipv6.conf.all.forwarding"),
  };
}

/** Links of bridge NICs that are taken out: those that were made for them go, and the pod's own stays. */
export function removed(vmi: Vmi, input: Input): readonly Gone[] {
  return (vmi.spec.domain.devices.interfaces ?? []).flatMap((nic) => {
    const names = namesOf(vmi, nic, input);
    if (nic.state !== "absent" || nic.bridge === undefined || names === undefined) return [];
    return [names.bridge, names.tap, names.pod].map((name) => ({ name, absent: true as const }));
  });
}

/** What Netbind sets up. */
export function ours({ plans }: Planned): {
  readonly links: readonly Wanted[];
  readonly sysctls: readonly string[];
  readonly rules: readonly string[];
} {
  return {
    links: plans.flatMap((one) => networkOf(one).links.map(wantedLink)),
    sysctls: [
      ...new Set(plans.flatMap((one) => (networkOf(one).sysctls ?? []).map(({ key, value }) => `${key}=${value}`))),
    ].sort(),
    rules: [...new Set(plans.flatMap((one) => planRules(networkOf(one).nftables ?? [])))].sort(),
  };
}
