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
import { checkMtu, type Complain, isIntegerIn } from "./authorize-checks.ts";
import type { Grants } from "./grants.ts";
import { encodeServices } from "../services/service-processes.ts";

const LEASE = { least: 120, most: 0xffff_fffe } as const;
/** RFC 4861, 6.2.1: the longest router lifetime, in seconds. */
const MOST_ROUTER_LIFETIME = 9000;

/** The networks of a bridge, as numbers. */
const networksOf = (bridge: BridgeLink): readonly ReturnType<typeof parseCidr>[] =>
  bridge.addresses.map(({ address, prefix }) => parseCidr(`${address}/${prefix}`));

const isNetworkOf = (bridge: BridgeLink, text: string): boolean => {
  const wanted = parseCidr(text);
  return (
    wanted !== undefined &&
    networksOf(bridge).some((own) => own?.family === wanted.family && own.base === wanted.base && own.prefix === wanted.prefix)
  );
};

/** Where a server serves: its bridge, and whether the pod's own link is handed over to it. */
interface Place {
  readonly bridge: BridgeLink;
  readonly handedOver: boolean;
}

/** A server's client is this NIC's guest, at an address of the bridge's own network, or at the pod's where its link is handed over. */
function checkClient(
  path: string,
  { client, leaseSeconds }: Dhcp4Service | Dhcp6Service,
  { bridge, handedOver }: Place,
  attachment: Attachment,
  complain: Complain,
): void {
  const address = `${client.address}/${client.prefix}`;
  if (client.mac !== attachment.mac) complain(`${path}.client.mac`, `${JSON.stringify(client.mac)} is not this NIC's, ${attachment.mac}`);
  if (!isNetworkOf(bridge, address) && !(handedOver && attachment.pod.addresses.includes(address)))
    complain(`${path}.client.address`, `${address} is in no network of ${bridge.name}`);
  if (!isIntegerIn(leaseSeconds, LEASE.least, LEASE.most))
    complain(`${path}.leaseSeconds`, `${leaseSeconds} is no lease of ${LEASE.least} seconds or more`);
}

function checkDhcp4(path: string, service: Dhcp4Service, { bridge, handedOver }: Place, attachment: Attachment, complain: Complain): void {
  const server = bridge.addresses.find(({ address }) => address === service.server);
  if (server === undefined) return complain(`${path}.server`, `${JSON.stringify(service.server)} is no address of ${service.link}`);
  checkClient(path, service, { bridge: { ...bridge, addresses: [server] }, handedOver }, attachment, complain);
  checkMtu(path, service.mtu, complain);
  for (const [at, { option }] of service.privateOptions.entries()) {
    if (!isIntegerIn(option, 224, 254)) complain(`${path}.privateOptions[${at}].option`, `${option} is not between 224 and 254`);
  }
}

function checkRa(path: string, service: RouterAdvertisementService, bridge: BridgeLink, complain: Complain): void {
  if (parseCidr(service.network)?.family !== 6 || !isNetworkOf(bridge, service.network))
    complain(`${path}.network`, `${JSON.stringify(service.network)} is no IPv6 network of ${service.link}`);
  checkMtu(path, service.mtu, complain);
  if (service.preference !== undefined && service.preference !== "low")
    complain(`${path}.preference`, `${JSON.stringify(service.preference)} is not "low"`);
  if (!isIntegerIn(service.routerLifetimeSeconds, 0, MOST_ROUTER_LIFETIME))
    complain(`${path}.routerLifetimeSeconds`, `${service.routerLifetimeSeconds} is not between 0 and ${MOST_ROUTER_LIFETIME}`);
}

function checkService(path: string, service: ServicePlan, plan: Plan, attachment: Attachment, complain: Complain): void {
  const bridge = plan.network?.links.find((link) => link.kind === "bridge" && link.name === service.link);
  if (bridge?.kind !== "bridge") return complain(`${path}.link`, `${JSON.stringify(service.link)} is no bridge of this plan`);
  const place = { bridge, handedOver: plan.network?.links.some((link) => link.kind === "adopted" && link.bridge === bridge.name) === true };
  switch (service.kind) {
    case "dhcp4":
      return checkDhcp4(path, service, place, attachment, complain);
    case "dhcp6":
      return checkClient(path, service, place, attachment, complain);
    case "ra":
      return checkRa(path, service, bridge, complain);
    default:
      service satisfies never;
  }
}

/** Finds what of a plan's services reaches beyond the NIC. Their texts must be such that the server can be told them. */
export function checkServices(plan: Plan, attachment: Attachment, grants: Grants, complain: Complain): void {
  const services = plan.services ?? [];
  const seen = new Set<string>();
  let sound = true;
  const note: Complain = (path, problem) => {
    sound = false;
    complain(path, problem);
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
  for (const { field, problem } of encodeServices(services).problems) complain(field, problem);
}
