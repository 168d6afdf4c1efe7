import { formatAddress, parseCidr, type PodLink, type Route } from "@netbind/contract";
import { diffLinks } from "./diff-links.ts";
import type { DesiredNetwork } from "./desired-network.ts";
import { type NftTable, normalizeListing, replaceTable } from "./nft.ts";
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
  readonly unrecoverable: readonly string[];
}

/** The number of single steps. */
export const countOperations = ({ ip, sysctls, nft }: Operations): number =>
  ip.length + sysctls.length + (nft.length > 0 ? 1 : 0);

/** A difference for people: a line for each operation. */
export const formatOperations = (
  { ip, sysctls, nft, unrecoverable }: Operations,
  table: NftTable,
): readonly string[] => [
  ...unrecoverable,
  ...ip.map((line) => `missing or different: ip ${line}`),
  ...sysctls.map(({ key, value }) => `missing or different: sysctl ${key}=${value}`),
  ...(nft.length > 0 ? [`missing or different: nftables table ${table.family} ${table.name}`] : []),
];

function diffTable(desired: DesiredNetwork, observed: ObservedNetwork): readonly NftJson[] {
  const chains = desired.plan.nftables ?? [];
  if (chains.length === 0 && desired.table.serverGuard === undefined && desired.table.guard === undefined) return [];
  const same =
    observed.table !== undefined &&
    observed.table !== null &&
    desired.appliedTable !== undefined &&
    JSON.stringify(normalizeListing(observed.table)) === JSON.stringify(normalizeListing(desired.appliedTable));
  return same ? [] : replaceTable(desired.table, chains, observed.table !== null);
}

/** Addresses and routes that a CNI plugin gave the pod's link, and that are gone. */
function diffPodLink(podLink: PodLink, observed: ObservedLink, routes: ObservedNetwork["routes"]): readonly string[] {
  const { name } = podLink;
  const missing = podLink.addresses.filter((address) => !observed.addresses.includes(address));
  const has = (route: Route): boolean =>
    routes.some(
      ({ link, destination, gateway }) =>
        link === name && destination === route.destination && gateway === route.gateway,
    );
  // The kernel makes the route to an address' own network when it gets the address.
  const byKernel = ({ destination, gateway }: Route): boolean =>
    gateway === undefined &&
    missing.some((address) => JSON.stringify(networkOf(address)) === JSON.stringify(networkOf(destination)));
  const unrecoverable = podLink.routes.filter((route) => !has(route) && !byKernel(route));
  return [
    ...(observed.mtu === podLink.mtu ? [] : [`link set dev ${name} mtu ${podLink.mtu}`]),
    ...missing.map((address) => `addr add ${address} dev ${name}${address.includes(":") ? " nodad" : ""}`),
    ...(observed.up ? [] : [`link set dev ${name} up`]),
    ...[...unrecoverable]
      .sort((a, b) => Number(a.gateway !== undefined) - Number(b.gateway !== undefined))
      .map(
        ({ destination, gateway }) =>
          `route replace ${destination}${gateway === undefined ? "" : ` via ${gateway}`} dev ${name}`,
      ),
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
export function diffNetwork(desired: DesiredNetwork, observed: ObservedNetwork): Operations {
  const links = new Map(observed.links.map((link) => [link.name, link]));
  const { podLink } = desired;
  const planned = diffLinks(desired, links, observed.routes);
  const pod = podLink === undefined ? undefined : links.get(podLink.name);
  return {
    unrecoverable: [
      ...(podLink !== undefined && pod === undefined
        ? [`the pod's link ${podLink.name} is missing, and only its network's CNI plugin can make it`]
        : []),
      ...planned.unrecoverable,
    ],
    ip: [
      ...(podLink === undefined || pod === undefined ? [] : diffPodLink(podLink, pod, observed.routes)),
      ...planned.ip,
    ],
    sysctls: (desired.plan.sysctls ?? []).filter(({ key, value }) => observed.sysctls[key] !== value),
    nft: diffTable(desired, observed),
  };
}
