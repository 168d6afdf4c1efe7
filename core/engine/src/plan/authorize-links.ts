import {
  addressOf,
  type Attachment,
  type BridgeLink,
  isMacAddress,
  type LinkPlan,
  type NetworkPlan,
  type PlaceholderLink,
  type PlannedAddress,
  parseAddress,
  parseCidr,
  type Route,
  type TapLink,
} from "@netbind/contract";
import { checkMtu, type Complain, isIntegerIn } from "./authorize-checks.ts";

const MOST_ADDRESSES = 16;
/** As many as fit one argument of the program that makes them. */
const MOST_ROUTES = 512;

const sameAddress = (a: string, b: string): boolean => parseAddress(a)?.value === parseAddress(b)?.value;

function checkMac(path: string, mac: string, complain: Complain): void {
  if (!isMacAddress(mac) || (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1)
    complain(`${path}.mac`, `${JSON.stringify(mac)} is no MAC address of a single station`);
}

function checkAddresses(path: string, addresses: readonly PlannedAddress[], complain: Complain): void {
  if (addresses.length > MOST_ADDRESSES) complain(`${path}.addresses`, `${addresses.length} addresses are more than ${MOST_ADDRESSES}`);
  for (const [at, { address, prefix }] of addresses.entries()) {
    if (parseCidr(`${address}/${prefix}`) === undefined)
      complain(`${path}.addresses[${at}]`, `${JSON.stringify(`${address}/${prefix}`)} is not a valid address`);
    if (addresses.findIndex((other) => sameAddress(other.address, address)) !== at)
      complain(`${path}.addresses[${at}]`, `${JSON.stringify(address)} is planned twice`);
  }
}

/** What left by the pod's link may leave by the bridge that has it, and the guest is there where that link's addresses are. */
function checkRoutes(path: string, { name, routes = [] }: BridgeLink, { pod }: Attachment, plan: NetworkPlan, complain: Complain): void {
  const handedOver = plan.links.some((link) => link.kind === "adopted" && link.bridge === name);
  const isPods = (route: Route): boolean =>
    pod.routes.some(({ destination, gateway }) => destination === route.destination && gateway === route.gateway) ||
    (route.gateway === undefined && pod.addresses.some((address) => route.destination === hostRoute(address)));
  if (routes.length > MOST_ROUTES) complain(`${path}.routes`, `${routes.length} routes are more than ${MOST_ROUTES}`);
  for (const [at, route] of routes.entries()) {
    if (!handedOver || !isPods(route))
      complain(`${path}.routes[${at}]`, `${JSON.stringify(route.destination)} is no route of this NIC's pod link that is handed over`);
  }
}

/** The route to one address alone. */
const hostRoute = (address: string): string => `${addressOf(address)}/${address.includes(":") ? 128 : 32}`;

function checkBridge(path: string, link: BridgeLink, attachment: Attachment, plan: NetworkPlan, complain: Complain): void {
  if (link.mac !== undefined) checkMac(path, link.mac, complain);
  checkAddresses(path, link.addresses, complain);
  checkRoutes(path, link, attachment, plan, complain);
}

function checkTap(path: string, link: TapLink, attachment: Attachment, complain: Complain): void {
  if (!isIntegerIn(link.queues, 0, Math.max(1, attachment.queues))) {
    complain(`${path}.queues`, `${link.queues} queues are not between 0 and the NIC's ${attachment.queues}`);
  }
}

/** A placeholder shows what the pod's link had, and nothing else. */
function checkPlaceholder(path: string, link: PlaceholderLink, { pod }: Attachment, plan: NetworkPlan, complain: Complain): void {
  if (!plan.links.some(({ kind }) => kind === "adopted")) complain(path, "the pod's link keeps its name, so nothing stands in for it");
  if (link.mac !== pod.mac) complain(`${path}.mac`, `${JSON.stringify(link.mac)} is not the pod link's, ${pod.mac}`);
  checkAddresses(path, link.addresses, complain);
  for (const [at, { address, prefix }] of link.addresses.entries()) {
    if (!pod.addresses.includes(`${address}/${prefix}`))
      complain(`${path}.addresses[${at}]`, `${address}/${prefix} was not the pod link's`);
  }
}

/** Finds what of a planned link reaches beyond the NIC. */
export function checkLink(path: string, link: LinkPlan, attachment: Attachment, plan: NetworkPlan, complain: Complain): void {
  const own = attachment.names[link.kind === "placeholder" ? "pod" : link.kind];
  if (link.name !== own) complain(`${path}.name`, `${JSON.stringify(link.name)} is not this NIC's ${link.kind}, which is "${own}"`);
  checkMtu(path, link.mtu, complain);
  if (link.kind === "bridge") return checkBridge(path, link, attachment, plan, complain);
  if (link.kind === "placeholder") return checkPlaceholder(path, link, attachment, plan, complain);
  // Links are made in the plan's order.
  const bridges = plan.links.slice(0, plan.links.indexOf(link)).flatMap(({ kind, name }) => (kind === "bridge" ? [name] : []));
  if (link.bridge !== undefined && !bridges.includes(link.bridge))
    complain(`${path}.bridge`, `${JSON.stringify(link.bridge)} is not a bridge that this plan makes before it`);
  if (link.kind === "tap") checkTap(path, link, attachment, complain);
}
