import { BindingError, type Dhcp4Service, normaliseMac, parseAddress } from "@netbind/contract";

const DHCP_OPTION_LIMIT = 255;

/** The UTF-8 bytes of a text, as hexadecimal pairs. Half a surrogate pair has none. */
function utf8(text: string): readonly string[] {
  if (!text.isWellFormed()) return [];
  return [...encodeURIComponent(text).matchAll(/%(..)|(.)/g)].map(([, escaped, plain]) =>
    escaped === undefined ? (plain ?? "").charCodeAt(0).toString(16).padStart(2, "0") : escaped.toLowerCase(),
  );
}

function refuse(what: string, value: string, why: string): never {
  throw new BindingError(
    "PLAN_OUT_OF_BOUNDS",
    `${what} ${JSON.stringify(value)} cannot be sent by DHCP: ${why}`,
    "plan a value that fits the option",
  );
}

/** An IPv4 address, printed anew from its number. */
function address(what: string, text: string): string {
  const parsed = parseAddress(text);
  if (parsed?.family !== 4) refuse(what, text, "it is no IPv4 address");
  return text;
}

/** A domain or host name: nothing in it means anything to the server's configuration. */
function domain(what: string, text: string): string {
  const name = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/i;
  if (text.length > 253 || !name.test(text)) refuse(what, text, "it is no domain name");
  return text;
}

/**
 * Any text, in quotes: dnsmasq hides every character of a quoted text that would mean something to it. Control
 * characters are refused, because they are what it hides them as.
 */
function quoted(what: string, text: string): string {
  if (/\p{Cc}/u.test(text)) refuse(what, text, "it holds a control character");
  const size = utf8(text).length;
  if (size === 0 || size > DHCP_OPTION_LIMIT) refuse(what, text, `it must be 1 to ${DHCP_OPTION_LIMIT} bytes long`);
  return `"${text.replace(/[\\"]/g, "\\$&")}"`;
}

/** Any bytes, as hexadecimal: taken for the options that dnsmasq knows no type of. */
function hex(what: string, text: string): string {
  const bytes = utf8(text);
  if (bytes.length === 0 || bytes.length > DHCP_OPTION_LIMIT) refuse(what, text, `it must be 1 to ${DHCP_OPTION_LIMIT} bytes long`);
  // Two digits alone would be read as a decimal number, which is one byte too.
  return bytes.length === 1 ? String(Number.parseInt(bytes[0] ?? "", 16)) : bytes.join(":");
}

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

function optionLines(service: Dhcp4Service): readonly string[] {
  const { router, nameservers, hostname, bootFileName, tftpServerName, ntpServers } = service;
  const addresses = (what: string, list: readonly string[]): string => list.map((text) => address(what, text)).join(",");
  return [
    // Without a value the server would name itself.
    router === undefined ? "dhcp-option=3" : option(3, address("router", router)),
    nameservers.length === 0 ? "dhcp-option=6" : option(6, addresses("name server", nameservers)),
    ...(hostname === undefined ? [] : [option(12, domain("host name", hostname))]),
    ...searchOptions(service.search),
    option(26, String(service.mtu)),
    ...(ntpServers.length === 0 ? [] : [option(42, addresses("NTP server", ntpServers))]),
    ...(tftpServerName === undefined ? [] : [option(66, quoted("TFTP server name", tftpServerName))]),
    ...(bootFileName === undefined ? [] : [option(67, quoted("boot file name", bootFileName))]),
    ...service.privateOptions.map(({ option: code, value }) => option(code, hex(`private option ${code}`, value))),
  ];
}

const netmask = (prefix: number): string => [24, 16, 8, 0].map((shift) => ((0xffffffff << (32 - prefix)) >>> shift) & 0xff).join(".");

/**
 * The configuration of the dnsmasq that serves one guest: that guest's MAC alone gets an answer, every option is sent
 * in every reply as KubeVirt's server does, and nothing is written anywhere.
 *
 * @throws BindingError PLAN_OUT_OF_BOUNDS where a value fits no option
 */
export function dnsmasqConfig(service: Dhcp4Service): string {
  const { client, leaseSeconds } = service;
  const mac = normaliseMac(client.mac) ?? refuse("client", client.mac, "it is no MAC address");
  const guest = address("client", client.address);
  if (!/^[A-Za-z0-9._-]{1,15}$/.test(service.link)) refuse("link", service.link, "it is no link name");
  const lines = [
    "port=0",
    "keep-in-foreground",
    "no-resolv",
    "no-hosts",
    "leasefile-ro",
    "no-ping",
    "user=",
    "group=",
    "pid-file=",
    // A guest may ask as often as it likes: what it causes to be logged must not fill a disk.
    "log-facility=/dev/null",
    "quiet-dhcp",
    `interface=${service.link}`,
    "except-interface=lo",
    "bind-interfaces",
    // Its capabilities are void in the pod, so it cannot tell the kernel where an address that is new is.
    "dhcp-broadcast",
    "dhcp-authoritative",
    "dhcp-lease-max=8",
    `dhcp-range=${guest},static,${netmask(client.prefix)},${leaseSeconds}`,
    `dhcp-host=${mac},${guest},${leaseSeconds}`,
    ...optionLines(service),
  ];
  return `${lines.join("\n")}\n`;
}
