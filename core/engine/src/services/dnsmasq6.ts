import { addressOf, cidrHost, type Dhcp6Service, parseCidr, type RouterAdvertisementService } from "@netbind/contract";
import { commonLines } from "./dnsmasq.ts";
import { address, domain, linkName, mac, refuse } from "./dnsmasq-text.ts";

/** Seconds between two router advertisements that nobody asked for. */
const ADVERTISEMENT_INTERVAL = 60;
/** The server takes no shorter network for one that it hands addresses out of; its clients are told of none. */
const SHORTEST_PREFIX = 64;
/** RFC 5612: the enterprise number of examples. A server whose lease file is not kept needs an identity that stays. */
const ENTERPRISE = 32_473;

function dhcpLines({ client, leaseSeconds, nameservers, search }: Dhcp6Service, offLink: boolean): readonly string[] {
  const guest = address("client", client.address, 6);
  const hardware = mac(client.mac);
  const servers = nameservers.map((text) => `[${address("name server", text, 6)}]`);
  const domains = search.map((name) => domain("search domain", name));
  return [
    `dhcp-duid=${ENTERPRISE},${hardware}`,
    `dhcp-range=${guest},static,${offLink ? "off-link," : ""}${Math.max(client.prefix, SHORTEST_PREFIX)},${leaseSeconds}`,
    `dhcp-host=${hardware},[${guest}],${leaseSeconds}`,
    ...(servers.length === 0 ? [] : [`dhcp-option=option6:dns-server,${servers.join(",")}`]),
    ...(domains.length === 0 ? [] : [`dhcp-option=option6:domain-search,${domains.join(",")}`]),
  ];
}

/** The network that is advertised: the client's own, where it is served out of that; else one beside it. */
function networkLines(service: RouterAdvertisementService, dhcp6: Dhcp6Service | undefined): readonly string[] {
  const network = parseCidr(service.network);
  if (network?.family !== 6) refuse("network", service.network, "it is no IPv6 network");
  const base = address("network", addressOf(cidrHost(network, 0)), 6);
  if (dhcp6 === undefined) return [`dhcp-range=${base},ra-only,${network.prefix}`];
  const served = parseCidr(`${dhcp6.client.address}/${network.prefix}`);
  if (served?.base === network.base) return [];
  // The link has no address of the client's network, so the server must be told that it is served there.
  return [
    `shared-network=${linkName(service.link)},${address("client", dhcp6.client.address, 6)}`,
    `dhcp-range=${base},static,${service.onLink === false ? "off-link," : ""}${network.prefix}`,
  ];
}

function advertisementLines(service: RouterAdvertisementService, dhcp6: Dhcp6Service | undefined): readonly string[] {
  const link = linkName(service.link);
  const preference = service.preference === "low" ? "low," : "";
  return [
    "enable-ra",
    `ra-param=${link},mtu:${service.mtu},${preference}${ADVERTISEMENT_INTERVAL},${service.routerLifetimeSeconds}`,
    ...networkLines(service, dhcp6),
  ];
}

/**
 * The configuration of the dnsmasq that serves one link's IPv6: the guest's address by DHCPv6, to that guest's MAC alone,
 * and router advertisements with the default route, the network on the link, and the MTU.
 *
 * @throws BindingError PLAN_OUT_OF_BOUNDS where a value fits no option
 */
export function dnsmasq6Config(link: string, dhcp6: Dhcp6Service | undefined, ra: RouterAdvertisementService | undefined): string {
  const lines = [
    ...commonLines(link),
    ...(dhcp6 === undefined ? [] : dhcpLines(dhcp6, ra?.onLink === false)),
    ...(ra === undefined ? [] : advertisementLines(ra, dhcp6)),
  ];
  return `${lines.join("\n")}\n`;
}
