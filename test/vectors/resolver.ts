import { dnsmasq6Config, dnsmasqConfig, serviceWarnings } from "@netbind/engine";
import { guestResolver } from "@netbind/kubevirt/pod";
import { validateVmi, parseIpv4Sloppy } from "@netbind/kubevirt/admission";
import { BindingError, type Dhcp4Service, parseCidr } from "@netbind/contract";
import { compare, failed, type Outcome, type Vector, withoutNulls } from "./vector.ts";

interface DnsResult {
  readonly domainName: string;
  readonly ipv4: readonly string[] | null;
  readonly ipv6: readonly string[] | null;
  readonly search: readonly string[] | null;
  readonly withSubdomain: string;
  readonly nameserversError: string | null;
  readonly searchError: string | null;
}

const longest = (names: readonly string[]): string =>
  names.reduce((best, name) => (name.length > best.length ? name : best), "");

/** What a guest gets of its pod's resolver. */
export function dns({
  input,
  result,
}: Vector<{ readonly resolvConf: string; readonly subdomain: string }, DnsResult>): Outcome {
  const plain = guestResolver(input.resolvConf ?? "");
  const ours = guestResolver(input.resolvConf ?? "", input.subdomain ?? "");
  const own = ours.search.length > plain.search.length ? ours.search[0] : "";
  // Of the two, KubeVirt gives the longest search domain that the guest is told, with the subdomain's.
  return compare(
    {
      ipv4: plain.nameservers4,
      ipv6: plain.nameservers6,
      search: plain.search,
      domainName: longest(plain.search),
      withSubdomain: own,
    },
    {
      ipv4: result.ipv4,
      ipv6: result.ipv6,
      search: result.search,
      domainName: result.domainName,
      withSubdomain: result.withSubdomain,
    },
  );
}

interface DhcpInput {
  readonly mask: string;
  readonly router: string;
  readonly dns: readonly string[];
  readonly routes: readonly { readonly dst: string; readonly gw: string }[];
  readonly search: readonly string[];
  readonly mtu: number;
  readonly hostname: string;
  readonly options?: {
    readonly tftpServerName?: string;
    readonly bootFileName?: string;
    readonly ntpServers?: readonly string[];
    readonly privateOptions?: readonly { readonly option: number; readonly value: string }[];
  };
}

const NOTHING_ASKED: DhcpInput = { mask: "", router: "", dns: [], routes: [], search: [], mtu: 0, hostname: "" };

const prefixOf = (mask: string): number =>
  mask === ""
    ? 24
    : mask.split(".").reduce((bits, part) => bits + Number(part).toString(2).replaceAll("0", "").length, 0);

/** The service that a plan would have for what KubeVirt's server was told. */
function serviceOf({ dns: nameservers, options = {}, ...dhcp }: DhcpInput): Dhcp4Service {
  const { tftpServerName, bootFileName, ntpServers = [], privateOptions = [] } = options;
  return {
    kind: "dhcp4",
    link: "k6t-eth0",
    server: "169.254.75.10",
    client: { mac: "02:00:00:00:00:0a", address: "10.0.2.2", prefix: prefixOf(dhcp.mask) },
    leaseSeconds: 86_313_600,
    ...(dhcp.router === "" ? {} : { router: dhcp.router }),
    nameservers,
    search: dhcp.search.filter((name) => name !== ""),
    ...(dhcp.hostname === "" ? {} : { hostname: dhcp.hostname }),
    mtu: dhcp.mtu,
    ...(bootFileName ? { bootFileName } : {}),
    ...(tftpServerName ? { tftpServerName } : {}),
    ntpServers: ntpServers.map((server) => parseIpv4Sloppy(server) ?? server),
    privateOptions: privateOptions.filter(({ option, value }) => option >= 224 && option <= 254 && value !== ""),
    routes: dhcp.routes.map(({ dst, gw }) => ({
      destination: dst || "0.0.0.0/0",
      ...(gw === "" ? {} : { gateway: gw }),
    })),
  };
}

const hexOf = (text: string): string => Buffer.from(text, "utf8").toString("hex");
const address = (text: string): string =>
  text
    .split(".")
    .map((part) => Number(part).toString(16).padStart(2, "0"))
    .join("");
const labels = (name: string): string =>
  `${name
    .split(".")
    .map((label) => `${label.length.toString(16).padStart(2, "0")}${hexOf(label)}`)
    .join("")}00`;

/** RFC 3442: the length of the network, as many of its bytes as that needs, and the gateway. */
function routeHex(destination: string, gateway: string): string {
  const cidr = parseCidr(destination);
  if (cidr === undefined) throw new Error(`${destination} is not a network`);
  const bytes = cidr.base
    .toString(16)
    .padStart(8, "0")
    .slice(0, 2 * Math.ceil(cidr.prefix / 8));
  return `${cidr.prefix.toString(16).padStart(2, "0")}${bytes}${address(gateway)}`;
}

/** What dnsmasq sends for an option of its configuration (dnsmasq(8), --dhcp-option): hexadecimal of the payload. */
function payload(code: number, value: string): string {
  const unquoted = value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, "$1") : value;
  if ([3, 6, 42].includes(code)) return value.split(",").map(address).join("");
  if (code === 26) return Number(value).toString(16).padStart(4, "0");
  if (code === 119) return value.split(",").map(labels).join("");
  if (code === 121) {
    const list = value.split(",");
    return list.flatMap((part, at) => (at % 2 === 0 ? [routeHex(part, list[at + 1] ?? "0.0.0.0")] : [])).join("");
  }
  if (code >= 224) return value.includes(":") ? value.replaceAll(":", "") : Number(value).toString(16).padStart(2, "0");
  return hexOf(unquoted);
}

/** The options that a configuration makes every reply carry, by number. */
function optionsOf(configuration: string): Record<string, string> {
  const forced = [...configuration.matchAll(/^dhcp-option-force=(\d+),(.*)$/gm)].map(
    ([, code = "", value = ""]) => [code, payload(Number(code), value)] as const,
  );
  const mask = /^dhcp-range=[^,]+,static,([^,]+),/m.exec(configuration)?.[1] ?? "";
  return { ...Object.fromEntries(forced), 1: address(mask) };
}

/** What DHCP's option 119 is by KubeVirt's encoding, which takes what stands between two dots for a label, also where nothing does. */
const searchHex = (names: readonly string[]): string => names.map(labels).join("");
const withoutDot = (name: string): string => name.replace(/\.$/, "");

type Options = Readonly<Record<string, string>>;

/** Search domains that are empty, or end in a dot: what KubeVirt sends of them is replaced by what they mean. */
function plainSearch(
  { search }: DhcpInput,
  theirs: Options,
): { readonly options: Options; readonly deviations: readonly string[] } {
  const plain = search.map(withoutDot).filter((name) => name !== "");
  const deviations = [
    ...(search.includes("") ? ["DNS-EMPTY"] : []),
    ...(search.some((name) => name !== "" && name.endsWith(".")) ? ["DNS-DOT"] : []),
  ];
  const isTheirs =
    theirs["119"] === searchHex(search) &&
    theirs["15"] === (longest(search) === "" ? undefined : hexOf(longest(search)));
  if (deviations.length === 0 || !isTheirs) return { options: theirs, deviations: [] };
  const { 15: _, 119: __, ...rest } = theirs;
  return {
    options: plain.length === 0 ? rest : { ...rest, 15: hexOf(longest(plain)), 119: searchHex(plain) },
    deviations,
  };
}

/** Classless routes as a list; anything else is one route. */
function routesOf(hex: string): readonly string[] {
  const routes: string[] = [];
  for (let at = 0; at < hex.length; ) {
    const digits = 2 + 2 * Math.ceil(Number.parseInt(hex.slice(at, at + 2), 16) / 8) + 8;
    routes.push(hex.slice(at, at + digits));
    at += digits;
  }
  return routes;
}

/** Default routes come last here; of those that are written as a network, KubeVirt leaves each where it is. */
function sameRoutes({ routes }: DhcpInput, ours: Options, theirs: Options): boolean {
  const sorted = (options: Options): string => [...routesOf(options["121"] ?? "")].sort().join();
  return routes.some(({ dst }) => dst === "0.0.0.0/0") && sorted(ours) === sorted(theirs);
}

/** True for texts that no option of DHCP can hold: admission tells so. */
function hasUnsayable({ options = {} }: DhcpInput): boolean {
  const nic = { name: "a", masquerade: {}, dhcpOptions: options };
  const vmi = {
    apiVersion: "",
    kind: "VirtualMachineInstance",
    metadata: { name: "a", namespace: "a" },
    spec: { domain: { devices: { interfaces: [nic] } }, networks: [{ name: "a", pod: {} }] },
  } as const;
  return validateVmi(vmi, { configuration: {} }).some(({ rule }) => rule.id === "DHCP-4");
}

/** The options of DHCPv4, by what our server's configuration makes it send. */
export function dhcp({
  input,
  result,
}: Vector<{ readonly dhcp: DhcpInput }, { readonly options?: Options; readonly error: string | null }>): Outcome {
  const asked = { ...NOTHING_ASKED, ...withoutNulls(input.dhcp) };
  let ours: Options;
  try {
    ours = optionsOf(dnsmasqConfig(serviceOf(asked)));
  } catch (error) {
    if (!(error instanceof BindingError)) throw error;
    if (result.error !== null) return { verdict: "agreed" };
    return hasUnsayable(asked)
      ? { verdict: "deviating", deviations: ["DHCP-TEXT"] }
      : failed(`ours refuses: ${error.message}`);
  }
  if (result.error !== null) {
    const isLong =
      result.error.includes("Search domains length exceeded") && serviceWarnings("a", [serviceOf(asked)]).length > 0;
    return isLong ? { verdict: "deviating", deviations: ["DNS-LONG"] } : failed(`theirs refuses: ${result.error}`);
  }
  const { options, deviations } = plainSearch(asked, result.options ?? {});
  const masked = asked.mask === "" ? { ...options, 1: ours["1"] ?? "" } : options;
  const reordered = masked["121"] !== ours["121"] && sameRoutes(asked, ours, masked);
  const theirs = reordered ? { ...masked, 121: ours["121"] ?? "" } : masked;
  return compare(ours, theirs, [
    ...deviations,
    ...(asked.mask === "" ? ["DHCP-MASK"] : []),
    ...(reordered ? ["ROUTE-ORDER"] : []),
  ]);
}

interface Dhcp6Input {
  readonly clientIP: string;
  readonly dns: readonly string[];
}

/** The address (IAADDR, option 5) and the name servers (option 23) of a DHCPv6 message, as 32 hexadecimal digits each. */
function messageFacts(hex: string): { readonly address?: string; readonly servers: readonly string[] } {
  const address = /00050018([0-9a-f]{32})/.exec(hex)?.[1];
  const servers = /0017([0-9a-f]{4})((?:[0-9a-f]{32})+)$/.exec(hex)?.[2] ?? "";
  return { ...(address === undefined ? {} : { address }), servers: servers.match(/.{32}/g) ?? [] };
}

const digits = (text: string): string => (parseCidr(`${text}/128`)?.base ?? 0n).toString(16).padStart(32, "0");

/** What a guest is handed by DHCPv6: the address and the name servers that our server is told. The messages are its own. */
export function dhcpv6({
  input,
  result,
}: Vector<{ readonly dhcpv6: Dhcp6Input }, { readonly response: string }>): Outcome {
  if (result.response === "") return { verdict: "deviating", deviations: ["DHCP6-MESSAGE"] };
  const { clientIP } = input.dhcpv6;
  const nameservers = input.dhcpv6.dns ?? [];
  const client = { mac: "02:00:00:00:00:0a", address: clientIP, prefix: 120 };
  const text = dnsmasq6Config(
    "k6t-eth0",
    { kind: "dhcp6", link: "k6t-eth0", client, leaseSeconds: 86_313_600, nameservers, search: [] },
    undefined,
  );
  const address6 = /^dhcp-host=.*\[([0-9a-f:]+)\]/m.exec(text)?.[1] ?? "";
  const servers = /option6?:?(?:23|dns-server),(.*)$/m.exec(text)?.[1] ?? "";
  const reported = [...servers.matchAll(/\[([0-9a-f:]+)\]/g)].map(([, server = ""]) => digits(server));
  return compare({ address: digits(address6), servers: reported }, messageFacts(result.response));
}
