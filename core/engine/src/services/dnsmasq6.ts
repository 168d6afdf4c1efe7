import { addressOf, cidrHost, type Dhcp6Service, parseCidr, type RouterAdvertisementService } from "@netbind/contract";
import { commonLines } from "./dnsmasq.ts";
import { address, domain, linkName, mac, refuse } from "./dnsmasq-text.ts";

/** Seconds between two router advertisements that nobody asked for. */
const ADVERTISEMENT_INTERVAL = 60;
/** RFC 5612: the enterprise number of examples. A server whose lease file is not kept needs an identity that stays. */
const ENTERPRISE = 32_473;

function dhcpLines({ client, leaseSeconds, nameservers, search }: Dhcp6Service): readonly string[] {
  const guest = address("client", client.address, 6);
  const hardware = mac(client.mac);
  const servers = nameservers.map((text) => `[${address("name server", text, 6)}]`);
  const domains = search.map((name) => domain("search domain", name));
  return [
    `dhcp-duid=${ENTERPRISE},${hardware}`,
    `dhcp-range=${guest},static,${client.prefix},${leaseSeconds}`,
    `dhcp-host=${hardware},[${guest}],${leaseSeconds}`,
    ...(servers.length === 0 ? [] : [`dhcp-option=option6:dns-server,${servers.join(",")}`]),
    ...(domains.length === 0 ? [] : [`dhcp-option=option6:domain-search,${domains.join(",")}`]),
  ];
}

function advertisementLines(service: RouterAdvertisementService, managed: boolean): readonly string[] {
  const network = parseCidr(service.network);
  if (network?.family !== 6) refuse("network", service.network, "it is no IPv6 network");
  const link = linkName(service.link);
  return [
    "enable-ra",
    `ra-param=${link},mtu:${service.mtu},${ADVERTISEMENT_INTERVAL},${service.routerLifetimeSeconds}`,
    ...(managed ? [] : [`dhcp-range=${address("network", addressOf(cidrHost(network, 0)), 6)},ra-only,${network.prefix}`]),
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
    ...(dhcp6 === undefined ? [] : dhcpLines(dhcp6)),
    ...(ra === undefined ? [] : advertisementLines(ra, dhcp6 !== undefined)),
  ];
  return `${lines.join("\n")}\n`;
}
