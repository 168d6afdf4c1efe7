import {
  type AdoptedLink,
  type BridgeLink,
  formatAddress,
  type LinkPlan,
  parseAddress,
  type PlaceholderLink,
  type PlannedAddress,
  type Route,
  type TapLink,
} from "@netbind/contract";
import type { DesiredNetwork, PlaceholderKind, TapOwner } from "./desired-network.ts";
import type { ObservedLink, ObservedNetwork } from "./observed.ts";
import { linkTaken } from "../errors.ts";

/** The links of a namespace by name. */
type Links = ReadonlyMap<string, ObservedLink>;
type Routes = ObservedNetwork["routes"];

/** The kinds of the kernel that a planned link may be; undefined: any. */
function kernelKinds(link: LinkPlan): readonly string[] | undefined {
  switch (link.kind) {
    case "bridge":
      return ["bridge"];
    case "tap":
      return ["tun"];
    case "placeholder":
      return ["dummy", "bridge"];
    case "adopted":
      return undefined;
    default:
      return link satisfies never;
  }
}

function createLink(
  link: BridgeLink | TapLink | PlaceholderLink,
  owner: TapOwner,
  placeholder: PlaceholderKind,
): string {
  switch (link.kind) {
    case "bridge":
      return `link add name ${link.name}${link.mac === undefined ? "" : ` address ${link.mac}`} type bridge`;
    case "tap":
      return `tuntap add dev ${link.name} mode tap user ${owner.uid} group ${owner.gid} vnet_hdr${link.queues > 1 ? " multi_queue" : ""}`;
    case "placeholder":
      return `link add name ${link.name} address ${link.mac} type ${placeholder}`;
    default:
      return link satisfies never;
  }
}

function refuseCollision(link: LinkPlan, observed: ObservedLink): void {
  const kinds = kernelKinds(link);
  if (kinds === undefined || kinds.includes(observed.kind ?? "")) return;
  throw linkTaken(link.name, observed.kind ?? "loopback", link.kind);
}

/** An address as the kernel writes it. */
function canonical(address: string): string {
  const parsed = parseAddress(address);
  return parsed === undefined ? address : formatAddress(parsed.family, parsed.value);
}

function diffAddresses(
  name: string,
  planned: readonly PlannedAddress[],
  current: readonly string[],
): readonly string[] {
  const desired = planned.map(({ address, prefix }) => `${canonical(address)}/${prefix}`);
  return [
    ...current.filter((address) => !desired.includes(address)).map((address) => `addr del ${address} dev ${name}`),
    // No guest may hold up the gateway's address by claiming it first.
    ...desired
      .filter((address) => !current.includes(address))
      .map((address) => `addr add ${address} dev ${name}${address.includes(":") ? " nodad" : ""}`),
  ];
}

const diffMac = (name: string, mac: string | undefined, observed: ObservedLink | undefined): readonly string[] =>
  observed !== undefined && mac !== undefined && observed.mac !== mac ? [`link set dev ${name} address ${mac}`] : [];

const diffPort = (name: string, bridge: string | undefined, observed: ObservedLink | undefined): readonly string[] =>
  bridge === undefined || observed?.controller === bridge ? [] : [`link set dev ${name} master ${bridge}`];

/** A route whose gateway is in no network of the link is one all the same: the plan says that it is there. */
function diffRoutes({ name, routes = [] }: BridgeLink, current: Routes): readonly string[] {
  const has = ({ destination, gateway }: Route): boolean =>
    current.some((route) => route.link === name && route.destination === destination && route.gateway === gateway);
  return [...routes]
    .sort((a, b) => Number(a.gateway !== undefined) - Number(b.gateway !== undefined))
    .filter((route) => !has(route))
    .map(
      ({ destination, gateway }) =>
        `route replace ${destination}${gateway === undefined ? "" : ` via ${gateway}`} dev ${name}${gateway === undefined ? "" : " onlink"}`,
    );
}

/** What of a made link differs, beside its being there, its MTU and its state. */
function diffMade(link: BridgeLink | TapLink | PlaceholderLink, observed: ObservedLink | undefined): readonly string[] {
  if (link.kind === "tap") return diffPort(link.name, link.bridge, observed);
  return [
    ...diffMac(link.name, link.mac, observed),
    ...diffAddresses(link.name, link.addresses, observed?.addresses ?? []),
  ];
}

/** A link whose IPv6 addresses went with its being up: the kernel takes them when it is set down. */
const setDown = (observed: ObservedLink): ObservedLink => ({
  ...observed,
  up: false,
  addresses: observed.addresses.filter((address) => !address.includes(":")),
});

function diffMadeLink(
  link: BridgeLink | TapLink | PlaceholderLink,
  observed: ObservedLink | undefined,
  desired: DesiredNetwork,
): readonly string[] {
  if (observed !== undefined) refuseCollision(link, observed);
  if (link.kind === "placeholder" && observed?.up === true) {
    return [`link set dev ${link.name} down`, ...diffMadeLink(link, setDown(observed), desired)];
  }
  return [
    ...(observed === undefined ? [createLink(link, desired.owner, desired.placeholderKind)] : []),
    ...(observed?.mtu === link.mtu ? [] : [`link set dev ${link.name} mtu ${link.mtu}`]),
    ...diffMade(link, observed),
    ...(link.kind === "placeholder" || observed?.up === true ? [] : [`link set dev ${link.name} up`]),
  ];
}

/** A link that has its own name no more, or has it still: the one of the pod, before a plan took it over. */
export const isPlaceholder = ({ kind, up }: ObservedLink): boolean => (kind === "dummy" || kind === "bridge") && !up;

/** Gives a link the name that is reserved for it, without its addresses; a link that is up keeps its name. */
const rename = (from: string, to: string): readonly string[] => [
  `link set dev ${from} down`,
  `addr flush dev ${from}`,
  `link set dev ${from} name ${to}`,
];

/** Changes a link's MAC address; on some drivers it must be down for that. */
function readdress(
  name: string,
  mac: string | undefined,
  observed: ObservedLink | undefined,
  up: boolean,
): readonly string[] {
  const change = diffMac(name, mac, observed);
  return up && change.length > 0 ? [`link set dev ${name} down`, ...change, `link set dev ${name} up`] : change;
}

/**
 * Takes the pod's link over: its addresses go, its name becomes the reserved one, and it becomes a port. Where it has the
 * reserved name already, only what differs is done; where neither is there, it is lost.
 */
function diffAdopted(
  link: AdoptedLink,
  desired: DesiredNetwork,
  links: Links,
): { readonly ip: readonly string[]; readonly unrecoverable: readonly string[] } {
  const adopted = links.get(link.name);
  const original = links.get(desired.podLinkName);
  const bridge = desired.plan.links.find((other) => other.kind === "bridge" && other.name === link.bridge);
  const mac = bridge?.kind === "bridge" ? bridge.mac : undefined;
  if (adopted === undefined && (original === undefined || isPlaceholder(original))) {
    return {
      ip: [],
      unrecoverable: [
        `the pod's link ${desired.podLinkName} is missing, and only its network's CNI plugin can make it`,
      ],
    };
  }
  const observed = adopted ?? original;
  return {
    unrecoverable: [],
    ip: [
      ...(adopted !== undefined || original === undefined ? [] : rename(original.name, link.name)),
      ...readdress(link.name, mac, observed, adopted?.up === true),
      ...(adopted === undefined ? [] : diffAddresses(link.name, [], adopted.addresses)),
      ...(observed?.mtu === link.mtu ? [] : [`link set dev ${link.name} mtu ${link.mtu}`]),
      ...(observed?.controller === link.bridge && observed.learning === false
        ? []
        : [...diffPort(link.name, link.bridge, observed), `link set dev ${link.name} type bridge_slave learning off`]),
      ...(adopted?.up === true ? [] : [`link set dev ${link.name} up`]),
    ],
  };
}

/**
 * What must be done to the links of a plan, in their order, and what cannot be.
 *
 * @throws BindingError PLAN_IMPOSSIBLE where a link of another kind has a planned name
 */
export function diffLinks(
  desired: DesiredNetwork,
  links: Links,
  routes: Routes,
): { readonly ip: readonly string[]; readonly unrecoverable: readonly string[] } {
  const adopts = desired.plan.links.find((link): link is AdoptedLink => link.kind === "adopted");
  // Until it is adopted, the pod's link has the name that the placeholder will have.
  const renamed = adopts !== undefined && !links.has(adopts.name);
  const thereOf = ({ kind, name }: LinkPlan): ObservedLink | undefined => {
    const observed = links.get(name);
    return kind === "placeholder" && renamed && observed !== undefined && !isPlaceholder(observed)
      ? undefined
      : observed;
  };
  const each = desired.plan.links.map((link) =>
    link.kind === "adopted"
      ? diffAdopted(link, desired, links)
      : { ip: diffMadeLink(link, thereOf(link), desired), unrecoverable: [] },
  );
  // While the pod's link has its addresses, the kernel lets no other link lead to their networks.
  const routed = desired.plan.links.flatMap((link) =>
    // A link that is down has no routes of IPv6.
    link.kind === "bridge" ? diffRoutes(link, links.get(link.name)?.up === true ? routes : []) : [],
  );
  return {
    ip: [...each.flatMap(({ ip }) => ip), ...routed],
    unrecoverable: each.flatMap(({ unrecoverable }) => unrecoverable),
  };
}
