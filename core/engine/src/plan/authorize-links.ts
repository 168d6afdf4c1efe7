import {
  addressOf,
  type BridgeLink,
  isMacAddress,
  type LinkPlan,
  type PlaceholderLink,
  type PlannedAddress,
  parseAddress,
  parseCidr,
  type Route,
  type TapLink,
} from "@netbind/contract";
import { checkMtu, isIntegerIn, type PlanContext } from "./authorize-checks.ts";
import { isAdopted, isAdoptedBy, plannedLinks } from "./planned-links.ts";

const MOST_ADDRESSES = 16;
/** As many as fit one argument of the program that makes them. */
const MOST_ROUTES = 512;

const sameAddress = (a: string, b: string): boolean => parseAddress(a)?.value === parseAddress(b)?.value;

function checkMac({ addIssue }: PlanContext, path: string, mac: string): void {
  if (!isMacAddress(mac) || (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1)
    addIssue(`${path}.mac`, `${JSON.stringify(mac)} is not a valid MAC address of a single station`);
}

function checkAddresses({ addIssue }: PlanContext, path: string, addresses: readonly PlannedAddress[]): void {
  if (addresses.length > MOST_ADDRESSES)
    addIssue(`${path}.addresses`, `${addresses.length} addresses are more than ${MOST_ADDRESSES}`);
  for (const [at, { address, prefix }] of addresses.entries()) {
    if (parseCidr(`${address}/${prefix}`) === undefined)
      addIssue(`${path}.addresses[${at}]`, `${JSON.stringify(`${address}/${prefix}`)} is not a valid address`);
    if (addresses.findIndex((other) => sameAddress(other.address, address)) !== at)
      addIssue(`${path}.addresses[${at}]`, `${JSON.stringify(address)} is planned twice`);
  }
}

/** What left by the pod's link may leave by the bridge that has it, and the guest is there where that link's addresses are. */
function checkRoutes(
  { attachment: { pod }, plan, addIssue }: PlanContext,
  path: string,
  { name, routes = [] }: BridgeLink,
): void {
  const adopted = isAdoptedBy(plan, name);
  const isPods = (route: Route): boolean =>
    pod.routes.some(({ destination, gateway }) => destination === route.destination && gateway === route.gateway) ||
    (route.gateway === undefined && pod.addresses.some((address) => route.destination === hostRoute(address)));
  if (routes.length > MOST_ROUTES) addIssue(`${path}.routes`, `${routes.length} routes are more than ${MOST_ROUTES}`);
  for (const [at, route] of routes.entries()) {
    if (!adopted || !isPods(route))
      addIssue(`${path}.routes[${at}]`, `${JSON.stringify(route.destination)} is not a route of this NIC's pod link`);
  }
}

/** The route to one address alone. */
const hostRoute = (address: string): string => `${addressOf(address)}/${address.includes(":") ? 128 : 32}`;

function checkBridge(context: PlanContext, path: string, link: BridgeLink): void {
  if (link.mac !== undefined) checkMac(context, path, link.mac);
  checkAddresses(context, path, link.addresses);
  checkRoutes(context, path, link);
}

function checkTap({ attachment, addIssue }: PlanContext, path: string, link: TapLink): void {
  if (!isIntegerIn(link.queues, 0, Math.max(1, attachment.queues))) {
    addIssue(`${path}.queues`, `${link.queues} queues are not between 0 and the NIC's ${attachment.queues}`);
  }
}

/** A placeholder shows what the pod's link had, and nothing else. */
function checkPlaceholder(context: PlanContext, path: string, link: PlaceholderLink): void {
  const { pod } = context.attachment;
  const { addIssue } = context;
  if (!isAdopted(context.plan)) addIssue(path, "the pod's link keeps its name, so no placeholder replaces it");
  if (link.mac !== pod.mac) addIssue(`${path}.mac`, `${JSON.stringify(link.mac)} is not the pod link's, ${pod.mac}`);
  checkAddresses(context, path, link.addresses);
  for (const [at, { address, prefix }] of link.addresses.entries()) {
    if (!pod.addresses.includes(`${address}/${prefix}`))
      addIssue(`${path}.addresses[${at}]`, `${address}/${prefix} was not the pod link's`);
  }
}

/** Finds what of a planned link reaches beyond the NIC. */
export function checkLink(context: PlanContext, path: string, link: LinkPlan): void {
  const { attachment, addIssue } = context;
  const own = attachment.names[link.kind === "placeholder" ? "pod" : link.kind];
  if (link.name !== own)
    addIssue(`${path}.name`, `${JSON.stringify(link.name)} is not this NIC's ${link.kind}, which is "${own}"`);
  checkMtu(context, path, link.mtu);
  if (link.kind === "bridge") return checkBridge(context, path, link);
  if (link.kind === "placeholder") return checkPlaceholder(context, path, link);
  // Links are made in the plan's order.
  const links = plannedLinks(context.plan);
  const bridges = links.slice(0, links.indexOf(link)).flatMap(({ kind, name }) => (kind === "bridge" ? [name] : []));
  if (link.bridge !== undefined && !bridges.includes(link.bridge))
    addIssue(`${path}.bridge`, `${JSON.stringify(link.bridge)} is not a bridge that this plan makes before it`);
  if (link.kind === "tap") checkTap(context, path, link);
}
