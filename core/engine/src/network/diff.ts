import { formatAddress, parseCidr, type PodLink, type Route } from "@netbind/contract";
import { diffLinks } from "./diff-links.ts";
import type { WantedNetwork } from "./wanted-network.ts";
import { type NftTable, normaliseListing, replaceTable } from "./nft.ts";
import type { NftJson } from "./nft-json.ts";
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

/** The number of single steps. */
export const countOperations = ({ ip, sysctls, nft }: Operations): number => ip.length + sysctls.length + (nft.length > 0 ? 1 : 0);

/** A difference for people: a line for each operation. */
export const showOperations = ({ ip, sysctls, nft, lost }: Operations, table: NftTable): readonly string[] => [
  ...lost,
  ...ip.map((line) => `missing or different: ip ${line}`),
  ...sysctls.map(({ key, value }) => `missing or different: sysctl ${key}=${value}`),
  ...(nft.length > 0 ? [`missing or different: nftables table ${table.family} ${table.name}`] : []),
];

function diffTable(wanted: WantedNetwork, there: ObservedNetwork): readonly NftJson[] {
  const chains = wanted.plan.nftables ?? [];
  if (chains.length === 0 && wanted.table.fence === undefined && wanted.table.guard === undefined) return [];
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
  const planned = diffLinks(wanted, links, there.routes);
  const pod = podLink === undefined ? undefined : links.get(podLink.name);
  return {
    lost: [
      ...(podLink !== undefined && pod === undefined
        ? [`the pod's link ${podLink.name} is gone: only its network's plugin can make it`]
        : []),
      ...planned.lost,
    ],
    ip: [...(podLink === undefined || pod === undefined ? [] : diffPodLink(podLink, pod, there.routes)), ...planned.ip],
    sysctls: (wanted.plan.sysctls ?? []).filter(({ key, value }) => there.sysctls[key] !== value),
    nft: diffTable(wanted, there),
  };
}
