import { type Dhcp4Service, parseAddress, parseCidr, type Route } from "@netbind/contract";
import { address, DHCP_OPTION_LIMIT, domain, hex, hostName, linkName, mac, network, quoted, refuse } from "./dnsmasq-text.ts";

const option = (code: number, value: string): string => `dhcp-option-force=${code},${value}`;

/** Domain search lists are sent as DNS labels: one byte a label more than the text, and one for the end. */
function searchOptions(search: readonly string[]): readonly string[] {
  if (search.length === 0) return [];
  const names = search.map((name) => domain("search domain", name));
  const size = names.reduce((sum, name) => sum + name.length + 2, 0);
  if (size > DHCP_OPTION_LIMIT)
    refuse("search domains", names.join(" "), `they need ${size} bytes and an option holds ${DHCP_OPTION_LIMIT}`);
  const longest = names.reduce((best, name) => (name.length > best.length ? name : best));
  return [option(15, longest), option(119, names.join(","))];
}

/** Classless routes, the default route last; a route without a gateway is to the link itself (RFC 3442). */
function routeOptions(routes: readonly Route[]): readonly string[] {
  if (routes.length === 0) return [];
  const isDefault = ({ destination }: Route): boolean => parseCidr(destination)?.prefix === 0;
  const sorted = [...routes.filter((route) => !isDefault(route)), ...routes.filter(isDefault)];
  const parts = sorted.flatMap(({ destination, gateway = "0.0.0.0" }) => [network("route", destination), address("gateway", gateway)]);
  return [option(121, parts.join(","))];
}

/**
 * Firmware reads where its file is from the message's own fields, not from the options: the next server's address, which a
 * server that is told by its name has not.
 */
function bootLines({ bootFileName, tftpServerName }: Dhcp4Service): readonly string[] {
  if (bootFileName === undefined || tftpServerName === undefined || parseAddress(tftpServerName)?.family !== 4) return [];
  return [`dhcp-boot=${quoted("boot file name", bootFileName)},,${address("TFTP server", tftpServerName)}`];
}

function optionLines(service: Dhcp4Service): readonly string[] {
  const { router, nameservers, hostname, bootFileName, tftpServerName, ntpServers } = service;
  const addresses = (what: string, list: readonly string[]): string => list.map((text) => address(what, text)).join(",");
  return [
    // Without a value the server would name itself.
    router === undefined ? "dhcp-option=3" : option(3, address("router", router)),
    nameservers.length === 0 ? "dhcp-option=6" : option(6, addresses("name server", nameservers)),
    ...(hostname === undefined ? [] : [option(12, hostName(hostname))]),
    ...searchOptions(service.search),
    option(26, String(service.mtu)),
    ...(ntpServers.length === 0 ? [] : [option(42, addresses("NTP server", ntpServers))]),
    ...(tftpServerName === undefined ? [] : [option(66, quoted("TFTP server name", tftpServerName))]),
    ...bootLines(service),
    ...(bootFileName === undefined ? [] : [option(67, quoted("boot file name", bootFileName))]),
    ...routeOptions(service.routes ?? []),
    ...service.privateOptions.map(({ option: code, value }) => option(code, hex(`private option ${code}`, value))),
  ];
}

const netmask = (prefix: number): string => [24, 16, 8, 0].map((shift) => ((0xffffffff << (32 - prefix)) >>> shift) & 0xff).join(".");

/** What every server is told: to serve one link, to serve nothing else, to write nothing anywhere. */
export const commonLines = (link: string): readonly string[] => [
  "port=0",
  "keep-in-foreground",
  "no-resolv",
  "no-hosts",
  "leasefile-ro",
  "user=",
  "group=",
  "pid-file=",
  // A guest may ask as often as it likes: what it causes to be logged must not fill a disk.
  "log-facility=/dev/null",
  "quiet-dhcp",
  "quiet-dhcp6",
  "quiet-ra",
  `interface=${linkName(link)}`,
  "except-interface=lo",
  "bind-interfaces",
  "dhcp-authoritative",
  "dhcp-lease-max=8",
];

/** True where the server's own address is in its client's network: else it must be told that it serves another. */
function sharesNetwork({ server, client }: Dhcp4Service): boolean {
  const [own, guest] = [server, client.address].map((text) => parseCidr(`${text}/${client.prefix}`));
  return own !== undefined && own.base === guest?.base;
}

/**
 * The configuration of the dnsmasq that serves one guest's IPv4: that guest's MAC alone gets an answer, every option is
 * sent in every reply as KubeVirt's server does, and nothing is written anywhere.
 *
 * @throws BindingError PLAN_OUT_OF_BOUNDS where a value fits no option
 */
export function dnsmasqConfig(service: Dhcp4Service): string {
  const { client, leaseSeconds } = service;
  const guest = address("client", client.address);
  const lines = [
    ...commonLines(service.link),
    "no-ping",
    // Its capabilities are void in the pod, so it cannot tell the kernel where an address that is new is.
    "dhcp-broadcast",
    ...(sharesNetwork(service) ? [] : [`shared-network=${linkName(service.link)},${guest}`]),
    `dhcp-range=${guest},static,${netmask(client.prefix)},${leaseSeconds}`,
    `dhcp-host=${mac(client.mac)},${guest},${leaseSeconds}`,
    ...optionLines(service),
  ];
  return `${lines.join("\n")}\n`;
}
