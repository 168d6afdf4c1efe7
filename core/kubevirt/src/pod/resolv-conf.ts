import { formatAddress, parseAddress, type ResolvConf } from "@netbind/contract";
import type { Vmi, VmiSpec } from "../api.ts";

/** The name server that a guest gets where its pod has none. */
const DEFAULT_NAMESERVER = "8.8.8.8";
const DEFAULT_SEARCH = "cluster.local";

/** An IPv4 address that is written as an IPv6 one. */
const MAPPED = 0xffffn;

/** A name server in its canonical text. */
function serverOf(text: string): readonly string[] {
  const address = parseAddress(text);
  if (address === undefined) return [];
  const mapped = address.family === 6 && address.value >> 32n === MAPPED;
  return [mapped ? formatAddress(4, address.value & 0xffff_ffffn) : formatAddress(address.family, address.value)];
}

const wordsOf = (text: string): readonly string[] => text.split(/\s+/).filter((word) => word !== "");

/** Reads a resolv.conf by KubeVirt's rules: a key begins its line, all `search` lines count, unreadable name servers do not. */
export function parseResolvConf(text: string): {
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
} {
  const lines = text.split("\n");
  return {
    nameservers: lines
      .filter((line) => line.startsWith("nameserver"))
      .flatMap((line) => {
        const [, server, ...more] = wordsOf(line);
        return server === undefined || more.length > 0 ? [] : serverOf(server);
      }),
    search: lines
      .filter((line) => line.startsWith("search"))
      .flatMap((line) => wordsOf(line.slice("search".length)).map((domain) => domain.toLowerCase())),
  };
}

/** A pod's resolv.conf: what its machine gives, then what `dnsPolicy` and `dnsConfig` of the VM make of it. */
export function podResolvConf(spec: VmiSpec, machine: string): string {
  const base = spec.dnsPolicy === "None" ? { nameservers: [], search: [] } : parseResolvConf(machine);
  const unique = (values: readonly string[]): readonly string[] => [...new Set(values)];
  const search = unique([...base.search, ...(spec.dnsConfig?.searches ?? [])]);
  const nameservers = unique([...base.nameservers, ...(spec.dnsConfig?.nameservers ?? [])]);
  const lines = [
    ...(search.length === 0 ? [] : [`search ${search.join(" ")}`]),
    ...nameservers.map((server) => `nameserver ${server}`),
  ];
  return `${lines.join("\n")}\n`;
}

/** The domain that a VM's subdomain has in its cluster, derived from the longest service domain of the search list. */
function subdomainOf(search: readonly string[], subdomain: string | undefined): string | undefined {
  if (subdomain === undefined || subdomain === "") return undefined;
  const longest = search
    .filter((domain) => domain.includes(".svc."))
    .reduce((best, domain) => (domain.length > best.length ? domain : best), "");
  return longest === "" || longest.startsWith(`${subdomain}.`) ? undefined : `${subdomain}.${longest}`;
}

/** What a kubelet writes where it has no domain to search: the root, which no DHCP option can name. */
const ROOT_DOMAIN = ".";

/** What a guest gets of its pod's resolver. */
export function guestResolver(podResolv: string, subdomain?: string): ResolvConf {
  const { nameservers, search: all } = parseResolvConf(podResolv);
  const search = all.filter((domain) => domain !== ROOT_DOMAIN);
  const of = (family: 4 | 6): readonly string[] =>
    nameservers.filter((server) => parseAddress(server)?.family === family);
  const own = subdomainOf(search, subdomain);
  return {
    nameservers4: nameservers.length === 0 ? [DEFAULT_NAMESERVER] : of(4),
    nameservers6: of(6),
    search: [...(own === undefined ? [] : [own]), ...(search.length === 0 ? [DEFAULT_SEARCH] : search)],
  };
}

/** A VM's host name: its own, or its name up to the first dot, at most a DNS label long. */
export function podHostname(vmi: Vmi): string {
  const name = vmi.spec.hostname ?? vmi.metadata.name.split(".")[0] ?? "";
  const label = name.slice(0, 63);
  return label.slice(0, label.split("").findLastIndex((character) => character !== "-") + 1);
}
