import {
  type BridgeLink,
  type Dhcp4Service,
  type Dhcp6Service,
  parseCidr,
  type RouterAdvertisementService,
  type ServicePlan,
} from "@netbind/contract";
import { type AddIssue, checkMtu, isIntegerIn, type PlanContext } from "./authorize-checks.ts";
import { isAdoptedBy, plannedLinks } from "./planned-links.ts";
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
    networksOf(bridge).some(
      (own) => own?.family === desired.family && own.base === desired.base && own.prefix === desired.prefix,
    )
  );
};

/** A plan, and the bridge that one of its servers serves. */
interface ServerContext extends PlanContext {
  readonly bridge: BridgeLink;
}

/** A server's client is this NIC's guest, at an address of the bridge's own network, or at the pod's where its link is handed over. */
function checkClient(
  context: ServerContext,
  path: string,
  { client, leaseSeconds }: Dhcp4Service | Dhcp6Service,
): void {
  const { bridge, attachment, plan, addIssue } = context;
  const address = `${client.address}/${client.prefix}`;
  if (client.mac !== attachment.mac)
    addIssue(`${path}.client.mac`, `${JSON.stringify(client.mac)} is not this NIC's, ${attachment.mac}`);
  if (!isNetworkOf(bridge, address) && !(isAdoptedBy(plan, bridge.name) && attachment.pod.addresses.includes(address)))
    addIssue(`${path}.client.address`, `${address} is in no network of ${bridge.name}`);
  if (!isIntegerIn(leaseSeconds, LEASE.least, LEASE.most))
    addIssue(`${path}.leaseSeconds`, `${leaseSeconds} is not a lease of ${LEASE.least} seconds or more`);
}

function checkDhcp4(context: ServerContext, path: string, service: Dhcp4Service): void {
  const { bridge, addIssue } = context;
  const server = bridge.addresses.find(({ address }) => address === service.server);
  if (server === undefined)
    return addIssue(`${path}.server`, `${JSON.stringify(service.server)} is not an address of ${service.link}`);
  checkClient({ ...context, bridge: { ...bridge, addresses: [server] } }, path, service);
  checkMtu(context, path, service.mtu);
  for (const [at, { option }] of service.privateOptions.entries()) {
    if (!isIntegerIn(option, 224, 254))
      addIssue(`${path}.privateOptions[${at}].option`, `${option} is not between 224 and 254`);
  }
}

function checkRa(context: ServerContext, path: string, service: RouterAdvertisementService): void {
  const { bridge, addIssue } = context;
  if (parseCidr(service.network)?.family !== 6 || !isNetworkOf(bridge, service.network))
    addIssue(`${path}.network`, `${JSON.stringify(service.network)} is not an IPv6 network of ${service.link}`);
  checkMtu(context, path, service.mtu);
  if (service.preference !== undefined && service.preference !== "low")
    addIssue(`${path}.preference`, `${JSON.stringify(service.preference)} is not "low"`);
  if (!isIntegerIn(service.routerLifetimeSeconds, 0, MOST_ROUTER_LIFETIME))
    addIssue(
      `${path}.routerLifetimeSeconds`,
      `${service.routerLifetimeSeconds} is not between 0 and ${MOST_ROUTER_LIFETIME}`,
    );
}

function checkService(context: PlanContext, path: string, service: ServicePlan): void {
  const bridge = plannedLinks(context.plan).find((link) => link.kind === "bridge" && link.name === service.link);
  if (bridge?.kind !== "bridge")
    return context.addIssue(`${path}.link`, `${JSON.stringify(service.link)} is not a bridge of this plan`);
  const server = { ...context, bridge };
  switch (service.kind) {
    case "dhcp4":
      return checkDhcp4(server, path, service);
    case "dhcp6":
      return checkClient(server, path, service);
    case "ra":
      return checkRa(server, path, service);
    default:
      service satisfies never;
  }
}

/** Finds what of a plan's services reaches beyond the NIC. Their texts must be such that the server can be configured with them. */
export function checkServices(context: PlanContext): void {
  const services = context.plan.services ?? [];
  const servers = new Set<string>();
  let sound = true;
  const note: AddIssue = (path, problem) => {
    sound = false;
    context.addIssue(path, problem);
  };
  for (const [at, service] of services.entries()) {
    const path = `services[${at}]`;
    if (!context.grants.serviceKinds.includes(service.kind))
      note(`${path}.kind`, `services of kind ${JSON.stringify(service.kind)} are not granted`);
    else checkService({ ...context, addIssue: note }, path, service);
    const server = `${service.kind} ${service.link}`;
    if (servers.has(server)) note(`${path}.link`, `${service.link} has a ${service.kind} server already`);
    servers.add(server);
  }
  if (!sound) return;
  for (const { field, problem } of encodeServices(services).problems) context.addIssue(field, problem);
}
