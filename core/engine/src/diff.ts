import {
  BindingError,
  type BridgeLink,
  formatAddress,
  type LinkPlan,
  type NetworkPlan,
  parseAddress,
  parseCidr,
  type PodLink,
  type Route,
  type TapLink,
} from "@netbind/contract";
import { type NftJson, type NftTable, normaliseListing, replaceTable } from "./nft.ts";
import type { ObservedLink, ObservedNetwork } from "./observed.ts";

/** What must be done to a network namespace. Empty lists: nothing. */
export interface Operations {
  /** Lines for `ip -batch`. */
  readonly ip: readonly string[];
  readonly sysctls: readonly { readonly key: string; readonly value: string }[];
  /** Commands of one nftables transaction. */
  readonly nft: readonly NftJson[];
  /** What no operation can bring back, as sentences. */
  readonly lost: readonly string[];
}

/** Who may open the NIC's tap: the VM's user. */
export interface TapOwner {
  readonly uid: number;
  readonly gid: number;
}

/** What a NIC's network must look like, with what only the core knows. */
export interface WantedNetwork {
  readonly plan: NetworkPlan;
  readonly table: NftTable;
  readonly owner: TapOwner;
  /** The pod's link as it was recorded, where the plan leaves it as it was: then it is kept so. */
  readonly podLink?: PodLink;
  /** The table's listing after it was last applied; absent before the first time. */
  readonly afterImage?: readonly NftJson[];
}

/** The number of single steps. */
export const countOperations = ({ ip, sysctls, nft }: Operations): number => ip.length + sysctls.length + (nft.length > 0 ? 1 : 0);

/** A difference for people: a line for each operation. */
export const showOperations = ({ ip, sysctls, nft, lost }: Operations, table: NftTable): readonly string[] => [
  ...lost,
  ...ip.map((line) => `missing or different: ip ${line}`),
  ...sysctls.map(({ key, value }) => `missing or different: sysctl ${key}=${value}`),
  ...(nft.length > 0 ? [`missing or different: nftables table ${table.family} ${table.name}`] : []),
];

function createLink(link: LinkPlan, owner: TapOwner): string {
  switch (link.kind) {
    case "bridge":
      return `link add name ${link.name}${link.mac === undefined ? "" : ` address ${link.mac}`} type bridge`;
    case "tap":
      return `tuntap add dev ${link.name} mode tap user ${owner.uid} group ${owner.gid} vnet_hdr${link.queues > 1 ? " multi_queue" : ""}`;
    default:
      return link satisfies never;
  }
}

const KERNEL_KIND = { bridge: "bridge", tap: "tun" } as const satisfies Record<LinkPlan["kind"], string>;

function refuseCollision(link: LinkPlan, there: ObservedLink): void {
  if (there.kind === KERNEL_KIND[link.kind]) return;
  throw new BindingError(
    "PLAN_IMPOSSIBLE",
    `a link named "${link.name}" is there already, and it is a ${there.kind ?? "loopback"}, not a ${link.kind}`,
    "remove that link, or start in a pod of its own",
  );
}

/** An address as the kernel writes it. */
function canonical(address: string): string {
  const parsed = parseAddress(address);
  return parsed === undefined ? address : formatAddress(parsed.family, parsed.value);
}

function diffBridge(link: BridgeLink, there: ObservedLink | undefined): readonly string[] {
  const wanted = link.addresses.map(({ address, prefix }) => `${canonical(address)}/${prefix}`);
  const present = there?.addresses ?? [];
  return [
    ...(there !== undefined && link.mac !== undefined && there.mac !== link.mac ? [`link set dev ${link.name} address ${link.mac}`] : []),
    ...present.filter((address) => !wanted.includes(address)).map((address) => `addr del ${address} dev ${link.name}`),
    // No guest may hold up the gateway's address by claiming it first.
    ...wanted
      .filter((address) => !present.includes(address))
      .map((address) => `addr add ${address} dev ${link.name}${address.includes(":") ? " nodad" : ""}`),
  ];
}

const diffTap = (link: TapLink, there: ObservedLink | undefined): readonly string[] =>
  link.bridge === undefined || there?.controller === link.bridge ? [] : [`link set dev ${link.name} master ${link.bridge}`];

function diffLink(link: LinkPlan, there: ObservedLink | undefined, owner: TapOwner): readonly string[] {
  if (there !== undefined) refuseCollision(link, there);
  return [
    ...(there === undefined ? [createLink(link, owner)] : []),
    ...(there?.mtu === link.mtu ? [] : [`link set dev ${link.name} mtu ${link.mtu}`]),
    ...(link.kind === "bridge" ? diffBridge(link, there) : diffTap(link, there)),
    ...(there?.up === true ? [] : [`link set dev ${link.name} up`]),
  ];
}

function diffTable(wanted: WantedNetwork, there: ObservedNetwork): readonly NftJson[] {
  const chains = wanted.plan.nftables ?? [];
  if (chains.length === 0) return [];
  const same =
    there.table !== undefined &&
    there.table !== null &&
    wanted.afterImage !== undefined &&
    JSON.stringify(normaliseListing(there.table)) === JSON.stringify(normaliseListing(wanted.afterImage));
  return same ? [] : replaceTable(wanted.table, chains, there.table !== null);
}

/** Addresses and routes that a CNI plugin gave the pod's link, and that somebody took away. */
function diffPodLink(before: PodLink, there: ObservedLink, routes: ObservedNetwork["routes"]): readonly string[] {
  const { name } = before;
  const missing = before.addresses.filter((address) => !there.addresses.includes(address));
  const has = (route: Route): boolean =>
    routes.some(({ link, destination, gateway }) => link === name && destination === route.destination && gateway === route.gateway);
  // The kernel makes the route to an address' own network when it gets the address.
  const byKernel = ({ destination, gateway }: Route): boolean =>
    gateway === undefined && missing.some((address) => JSON.stringify(networkOf(address)) === JSON.stringify(networkOf(destination)));
  const lost = before.routes.filter((route) => !has(route) && !byKernel(route));
  return [
    ...(there.mtu === before.mtu ? [] : [`link set dev ${name} mtu ${before.mtu}`]),
    ...missing.map((address) => `addr add ${address} dev ${name}${address.includes(":") ? " nodad" : ""}`),
    ...(there.up ? [] : [`link set dev ${name} up`]),
    ...[...lost]
      .sort((a, b) => Number(a.gateway !== undefined) - Number(b.gateway !== undefined))
      .map(({ destination, gateway }) => `route replace ${destination}${gateway === undefined ? "" : ` via ${gateway}`} dev ${name}`),
  ];
}

function networkOf(text: string): readonly [string, number] | undefined {
  const cidr = parseCidr(text);
  return cidr && [formatAddress(cidr.family, cidr.base), cidr.prefix];
}

/**
 * The difference between what a plan wants and what is there: pure. Applied twice it is empty the second time.
 *
 * @throws BindingError PLAN_IMPOSSIBLE where a link of another kind has a planned name
 */
export function diffNetwork(wanted: WantedNetwork, there: ObservedNetwork): Operations {
  const links = new Map(there.links.map((link) => [link.name, link]));
  const { podLink } = wanted;
  const pod = podLink === undefined ? undefined : links.get(podLink.name);
  return {
    lost:
      podLink !== undefined && pod === undefined ? [`the pod's link ${podLink.name} is gone: only its network's plugin can make it`] : [],
    ip: [
      ...(podLink === undefined || pod === undefined ? [] : diffPodLink(podLink, pod, there.routes)),
      ...wanted.plan.links.flatMap((link) => diffLink(link, links.get(link.name), wanted.owner)),
    ],
    sysctls: (wanted.plan.sysctls ?? []).filter(({ key, value }) => there.sysctls[key] !== value),
    nft: diffTable(wanted, there),
  };
}
