import {
  type Attachment,
  type BridgeLink,
  type Dhcp4Service,
  type Dhcp6Service,
  type Plan,
  parseCidr,
  type RouterAdvertisementService,
  type ServicePlan,
} from "@netbind/contract";
import { checkMtu, type AddIssue, isIntegerIn } from "./authorize-checks.ts";
import type { Grants } from "./grants.ts";
import { encodeServices } from "../services/service-processes.ts";

const LEASE = { least: 120, most: 0xffff_fffe } as const;
/** RFC 4861, 6.2.1: the longest router lifetime, in seconds. */
const MOST_ROUTER_LIFETIME = 9000;

/** The networks of a bridge, as numbers. */
const networksOf = (bridge: BridgeLink): readonly ReturnType<typeof parseCidr>[] =>
  bridge.addresses.map(({ address, prefix }) => parseCidr(`${address}/${prefix}`));

const isNetworkOf = (bridge: BridgeLink, text: string): boolean => {
  const desired = parseCidr(text);
  return (
    desired !== undefined &&
    networksOf(bridge).some((own) => own?.family === desired.family && own.base === desired.base && own.prefix === desired.prefix)
  );
};

/** Where a server serves: its bridge, and whether the pod's own link is handed over to it. */
interface ServerContext {
  readonly bridge: BridgeLink;
  readonly adopted: boolean;
}

/** A server's client is this NIC's guest, at an address of the bridge's own network, or at the pod's where its link is handed over. */
function checkClient(
  path: string,
  { client, leaseSeconds }: Dhcp4Service | Dhcp6Service,
  { bridge, adopted }: ServerContext,
  attachment: Attachment,
  addIssue: AddIssue,
): void {
  const address = `${client.address}/${client.prefix}`;
  if (client.mac !== attachment.mac) addIssue(`${path}.client.mac`, `${JSON.stringify(client.mac)} is not this NIC's, ${attachment.mac}`);
  if (!isNetworkOf(bridge, address) && !(adopted && attachment.pod.addresses.includes(address)))
    addIssue(`${path}.client.address`, `${address} is in no network of ${bridge.name}`);
  if (!isIntegerIn(leaseSeconds, LEASE.least, LEASE.most))
    addIssue(`${path}.leaseSeconds`, `${leaseSeconds} is no lease of ${LEASE.least} seconds or more`);
}

function checkDhcp4(
  path: string,
  service: Dhcp4Service,
  { bridge, adopted }: ServerContext,
  attachment: Attachment,
  addIssue: AddIssue,
): void {
  const server = bridge.addresses.find(({ address }) => address === service.server);
  if (server === undefined) return addIssue(`${path}.server`, `${JSON.stringify(service.server)} is no address of ${service.link}`);
  checkClient(path, service, { bridge: { ...bridge, addresses: [server] }, adopted }, attachment, addIssue);
  checkMtu(path, service.mtu, addIssue);
  for (const [at, { option }] of service.privateOptions.entries()) {
    if (!isIntegerIn(option, 224, 254)) addIssue(`${path}.privateOptions[${at}].option`, `${option} is not between 224 and 254`);
  }
}

function checkRa(path: string, service: RouterAdvertisementService, bridge: BridgeLink, addIssue: AddIssue): void {
  if (parseCidr(service.network)?.family !== 6 || !isNetworkOf(bridge, service.network))
    addIssue(`${path}.network`, `${JSON.stringify(service.network)} is no IPv6 network of ${service.link}`);
  checkMtu(path, service.mtu, addIssue);
  if (service.preference !== undefined && service.preference !== "low")
    addIssue(`${path}.preference`, `${JSON.stringify(service.preference)} is not "low"`);
  if (!isIntegerIn(service.routerLifetimeSeconds, 0, MOST_ROUTER_LIFETIME))
    addIssue(`${path}.routerLifetimeSeconds`, `${service.routerLifetimeSeconds} is not between 0 and ${MOST_ROUTER_LIFETIME}`);
}

function checkService(path: string, service: ServicePlan, plan: Plan, attachment: Attachment, addIssue: AddIssue): void {
  const bridge = plan.network?.links.find((link) => link.kind === "bridge" && link.name === service.link);
  if (bridge?.kind !== "bridge") return addIssue(`${path}.link`, `${JSON.stringify(service.link)} is no bridge of this plan`);
  const place = { bridge, adopted: plan.network?.links.some((link) => link.kind === "adopted" && link.bridge === bridge.name) === true };
  switch (service.kind) {
    case "dhcp4":
      return checkDhcp4(path, service, place, attachment, addIssue);
    case "dhcp6":
      return checkClient(path, service, place, attachment, addIssue);
    case "ra":
      return checkRa(path, service, bridge, addIssue);
    default:
      service satisfies never;
  }
}

/** Finds what of a plan's services reaches beyond the NIC. Their texts must be such that the server can be told them. */
export function checkServices(plan: Plan, attachment: Attachment, grants: Grants, addIssue: AddIssue): void {
  const services = plan.services ?? [];
  const seen = new Set<string>();
  let sound = true;
  const note: AddIssue = (path, problem) => {
    sound = false;
    addIssue(path, problem);
  };
  for (const [at, service] of services.entries()) {
    const path = `services[${at}]`;
    if (!grants.serviceKinds.includes(service.kind))
      note(`${path}.kind`, `services of kind ${JSON.stringify(service.kind)} are not granted`);
    else checkService(path, service, plan, attachment, note);
    const place = `${service.kind} ${service.link}`;
    if (seen.has(place)) note(`${path}.link`, `${service.link} has a ${service.kind} server already`);
    seen.add(place);
  }
  if (!sound) return;
  for (const { field, problem } of encodeServices(services).problems) addIssue(field, problem);
}
