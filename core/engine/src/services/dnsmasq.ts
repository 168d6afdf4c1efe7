import { type Dhcp4Service, parseAddress, parseCidr, type Route } from "@netbind/contract";
import { DHCP_OPTION_LIMIT, DnsmasqText, refuseTextProblems } from "./dnsmasq-text.ts";

const option = (code: number, value: string): string => `dhcp-option-force=${code},${value}`;

/** Addresses in an option take four bytes each, in text at most fifteen and a comma. */
const ADDRESS_BYTES = 4;

/** Domain search lists are sent as DNS labels: one byte a label more than the text, and one for the end. */
function searchOptions(search: readonly string[], text: DnsmasqText): readonly string[] {
  if (search.length === 0) return [];
  const names = search.map((name, at) => text.domain(`search[${at}]`, name));
  const longest = names.reduce((best, name) => (name.length > best.length ? name : best));
  return [
    ...text.list("search", names, {
      option: "DHCPv4 option 119 (search domains)",
      key: option(119, ""),
      optionBytes: DHCP_OPTION_LIMIT,
      bytesOf: (name) => name.length + 2,
    }),
    option(15, longest),
  ];
}

/** The bytes of a classless route: the prefix, as much of the network as it has, and the gateway. */
const routeBytes = ({ destination }: Route): number =>
  1 + Math.ceil((parseCidr(destination)?.prefix ?? 0) / 8) + ADDRESS_BYTES;

/** Classless routes, the default route last; a route without a gateway is to the link itself (RFC 3442). */
function routeOptions(routes: readonly Route[], text: DnsmasqText): readonly string[] {
  if (routes.length === 0) return [];
  const bytes = routes.reduce((sum, route) => sum + routeBytes(route), 0);
  if (bytes > DHCP_OPTION_LIMIT) {
    // No route may be left out: what it leads to would be reached by another way, or not at all.
    text.refuse(
      "routes",
      `${routes.length} routes`,
      `they need ${bytes} bytes, and DHCPv4 option 121 holds ${DHCP_OPTION_LIMIT}`,
    );
    return [];
  }
  const parts = routes.map(({ destination, gateway = "0.0.0.0" }, at) => ({
    isDefault: parseCidr(destination)?.prefix === 0,
    words: `${text.network(`routes[${at}].destination`, destination)},${text.address(`routes[${at}].gateway`, gateway)}`,
  }));
  const sorted = [...parts.filter(({ isDefault }) => !isDefault), ...parts.filter(({ isDefault }) => isDefault)];
  return [option(121, sorted.map(({ words }) => words).join(","))];
}

/**
 * Firmware reads where its file is from the message's own fields, not from the options: the next server's address,
 * which a server that is given by its name does not have.
 */
function bootLines({ bootFileName, tftpServerName }: Dhcp4Service, text: DnsmasqText): readonly string[] {
  if (bootFileName === undefined || tftpServerName === undefined || parseAddress(tftpServerName)?.family !== 4)
    return [];
  return [`dhcp-boot=${text.quoted("bootFileName", bootFileName)},,${text.address("tftpServerName", tftpServerName)}`];
}

/** Addresses that are the author's own choice: all of them, or none. */
function allAddresses(field: string, code: number, addresses: readonly string[], text: DnsmasqText): readonly string[] {
  if (addresses.length === 0) return [];
  const most = Math.floor(DHCP_OPTION_LIMIT / ADDRESS_BYTES);
  if (addresses.length > most) {
    text.refuse(field, `${addresses.length} addresses`, `DHCPv4 option ${code} holds ${most}`);
    return [];
  }
  return [option(code, addresses.map((one, at) => text.address(`${field}[${at}]`, one)).join(","))];
}

/** The name servers that fit; without any, the server is configured not to name itself. */
const nameserverLines = (nameservers: readonly string[], text: DnsmasqText): readonly string[] =>
  nameservers.length === 0
    ? ["dhcp-option=6"]
    : text.list(
        "nameservers",
        nameservers.map((one, at) => text.address(`nameservers[${at}]`, one)),
        {
          option: "DHCPv4 option 6 (name servers)",
          key: option(6, ""),
          optionBytes: DHCP_OPTION_LIMIT,
          bytesOf: () => ADDRESS_BYTES,
        },
      );

/**
 * The options, what a guest needs most last: the server writes its last line's option first, and leaves out what a client
 * that takes short messages (576 bytes, RFC 2131) has no room for.
 */
function optionLines(service: Dhcp4Service, text: DnsmasqText): readonly string[] {
  const { router, nameservers, hostname, bootFileName, tftpServerName, ntpServers } = service;
  return [
    ...searchOptions(service.search, text),
    ...service.privateOptions.map(({ option: code, value }, at) =>
      option(code, text.hex(`privateOptions[${at}].value`, value)),
    ),
    ...allAddresses("ntpServers", 42, ntpServers, text),
    ...(tftpServerName === undefined ? [] : [option(66, text.quoted("tftpServerName", tftpServerName))]),
    ...bootLines(service, text),
    ...(bootFileName === undefined ? [] : [option(67, text.quoted("bootFileName", bootFileName))]),
    ...(hostname === undefined ? [] : [option(12, text.hostName("hostname", hostname))]),
    ...nameserverLines(nameservers, text),
    option(26, String(service.mtu)),
    ...routeOptions(service.routes ?? [], text),
    // Without a value the server would name itself.
    router === undefined ? "dhcp-option=3" : option(3, text.address("router", router)),
  ];
}

const netmask = (prefix: number): string =>
  [24, 16, 8, 0].map((shift) => ((0xffffffff << (32 - prefix)) >>> shift) & 0xff).join(".");

/** What every server is configured to do: to serve one link, to serve nothing else, to write nothing anywhere. */
export const commonLines = (link: string, text: DnsmasqText): readonly string[] => [
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
  `interface=${text.linkName(link)}`,
  "except-interface=lo",
  "bind-interfaces",
  "dhcp-authoritative",
  "dhcp-lease-max=8",
];

/** True where the server's own address is in its client's network: else its configuration must name the other. */
function sharesNetwork({ server, client }: Dhcp4Service): boolean {
  const [own, guest] = [server, client.address].map((text) => parseCidr(`${text}/${client.prefix}`));
  return own !== undefined && own.base === guest?.base;
}

/**
 * The lines for the dnsmasq that serves one guest's IPv4: that guest's MAC alone gets an answer, every option is sent in
 * every reply as KubeVirt's server does, and nothing is written anywhere.
 */
export function dhcp4Lines(service: Dhcp4Service, text: DnsmasqText): readonly string[] {
  const { client, leaseSeconds, link } = service;
  const guest = text.address("client.address", client.address);
  return [
    ...commonLines(link, text),
    "no-ping",
    // Its capabilities are void in the pod, so it cannot add the neighbor entry of a new address.
    "dhcp-broadcast",
    ...(sharesNetwork(service) ? [] : [`shared-network=${text.linkName(link)},${guest}`]),
    `dhcp-range=${guest},static,${netmask(client.prefix)},${leaseSeconds}`,
    `dhcp-host=${text.mac("client.mac", client.mac)},${guest},${leaseSeconds}`,
    ...optionLines(service, text),
  ];
}

/**
 * The configuration of the dnsmasq that serves one guest's IPv4.
 *
 * @throws BindingError PLAN_OUT_OF_BOUNDS with every value that fits no option
 */
export function dnsmasqConfig(service: Dhcp4Service): string {
  const text = new DnsmasqText("service");
  const configuration = text.configuration(dhcp4Lines(service, text));
  refuseTextProblems(text.problems);
  return configuration;
}
