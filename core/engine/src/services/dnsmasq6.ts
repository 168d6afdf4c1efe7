import { addressOf, cidrHost, type Dhcp6Service, parseCidr, type RouterAdvertisementService } from "@netbind/contract";
import { commonLines } from "./dnsmasq.ts";
import { DnsmasqText, LINE_LIMIT, refuseTextProblems } from "./dnsmasq-text.ts";

/** Seconds between two unsolicited router advertisements. */
const ADVERTISEMENT_INTERVAL = 60;
/** The server takes no shorter network for one that it hands addresses out of; its clients get none. */
const SHORTEST_PREFIX = 64;
/** RFC 5612: the enterprise number of examples. A server whose lease file is not kept needs an identity that stays. */
const ENTERPRISE = 32_473;

/** A service with the encoder of its texts. */
export interface Encoded<T> {
  readonly service: T;
  readonly text: DnsmasqText;
}

/** What serves one link's IPv6. */
export interface Ipv6Services {
  readonly dhcp6?: Encoded<Dhcp6Service> | undefined;
  readonly ra?: Encoded<RouterAdvertisementService> | undefined;
}

/** An option of DHCPv6 holds more than a line of the server's configuration. */
const listOption = (
  code: number,
  name: string,
  what: string,
): { option: string; key: string; optionBytes: number; bytesOf: () => number } => ({
  option: `DHCPv6 option ${code} (${what})`,
  key: `dhcp-option=option6:${name},`,
  optionBytes: LINE_LIMIT,
  bytesOf: () => 0,
});

function dhcpLines({ service, text }: Encoded<Dhcp6Service>, offLink: boolean): readonly string[] {
  const { client, leaseSeconds, nameservers, search } = service;
  const guest = text.address("client.address", client.address, 6);
  const hardware = text.mac("client.mac", client.mac);
  const servers = nameservers.map((one, at) => `[${text.address(`nameservers[${at}]`, one, 6)}]`);
  const domains = search.map((name, at) => text.domain(`search[${at}]`, name));
  return [
    `dhcp-duid=${ENTERPRISE},${hardware}`,
    `dhcp-range=${guest},static,${offLink ? "off-link," : ""}${Math.max(client.prefix, SHORTEST_PREFIX)},${leaseSeconds}`,
    `dhcp-host=${hardware},[${guest}],${leaseSeconds}`,
    ...text.list("nameservers", servers, listOption(23, "dns-server", "name servers")),
    ...text.list("search", domains, listOption(24, "domain-search", "search domains")),
  ];
}

/** The network that is advertised: the client's own, where it is served out of that; else one beside it. */
function networkLines(
  { service, text }: Encoded<RouterAdvertisementService>,
  dhcp6: Dhcp6Service | undefined,
): readonly string[] {
  const network = parseCidr(service.network);
  if (network?.family !== 6) {
    text.refuse("network", service.network, "it is not a valid IPv6 network");
    return [];
  }
  const base = text.address("network", addressOf(cidrHost(network, 0)), 6);
  if (dhcp6 === undefined) return [`dhcp-range=${base},ra-only,${network.prefix}`];
  const served = parseCidr(`${dhcp6.client.address}/${network.prefix}`);
  if (served?.base === network.base) return [];
  // The link has no address of the client's network, so the server's configuration must name it.
  return [
    `shared-network=${text.linkName(service.link)},${text.address("client", dhcp6.client.address, 6)}`,
    `dhcp-range=${base},static,${service.onLink === false ? "off-link," : ""}${network.prefix}`,
  ];
}

function advertisementLines(
  ra: Encoded<RouterAdvertisementService>,
  dhcp6: Dhcp6Service | undefined,
): readonly string[] {
  const { service, text } = ra;
  const preference = service.preference === "low" ? "low," : "";
  return [
    "enable-ra",
    `ra-param=${text.linkName(service.link)},mtu:${service.mtu},${preference}${ADVERTISEMENT_INTERVAL},${service.routerLifetimeSeconds}`,
    ...networkLines(ra, dhcp6),
  ];
}

/**
 * The lines for the dnsmasq that serves one link's IPv6: the guest's address by DHCPv6, to that guest's MAC alone, and
 * router advertisements with the default route, the network on the link, and the MTU.
 */
export function ipv6Lines(link: string, { dhcp6, ra }: Ipv6Services, text: DnsmasqText): readonly string[] {
  return [
    ...commonLines(link, text),
    ...(dhcp6 === undefined ? [] : dhcpLines(dhcp6, ra?.service.onLink === false)),
    ...(ra === undefined ? [] : advertisementLines(ra, dhcp6?.service)),
  ];
}

/**
 * The configuration of the dnsmasq that serves one link's IPv6.
 *
 * @throws BindingError PLAN_OUT_OF_BOUNDS with every value that fits no option
 */
export function dnsmasq6Config(
  link: string,
  dhcp6: Dhcp6Service | undefined,
  ra: RouterAdvertisementService | undefined,
): string {
  const text = new DnsmasqText("service");
  const of = { dhcp6: dhcp6 && { service: dhcp6, text }, ra: ra && { service: ra, text } };
  const configuration = text.configuration(ipv6Lines(link, of, text));
  refuseTextProblems(text.problems);
  return configuration;
}
