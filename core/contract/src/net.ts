/** Addresses of the network, as numbers and as text. */

export type IpFamily = 4 | 6;

/** A network: its family, its first address (host bits cleared) and its prefix length. */
export interface Cidr {
  readonly family: IpFamily;
  readonly base: bigint;
  readonly prefix: number;
}

/** The in-pod bridge's address, which a guest must not use. */
export const RESERVED_BRIDGE_MAC = "02:00:00:00:00:00";

const BITS = { 4: 32, 6: 128 } as const;

function parseIpv4(text: string): bigint | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return undefined;
  return parts.reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

function parseIpv6(text: string): bigint | undefined {
  // A dotted tail stands for the last two groups (RFC 4291, 2.2).
  const tail = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (tail?.[1] !== undefined && tail[2] !== undefined) {
    const low = parseIpv4(tail[2]);
    if (low === undefined) return undefined;
    return parseIpv6(`${tail[1]}${(low >> 16n).toString(16)}:${(low & 0xffffn).toString(16)}`);
  }
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const groups = (half: string | undefined): string[] => (half === undefined || half === "" ? [] : half.split(":"));
  const head = groups(halves[0]);
  const rest = groups(halves[1]);
  const missing = 8 - head.length - rest.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const all = [...head, ...Array<string>(missing).fill("0"), ...rest];
  if (!all.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
  return all.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n);
}

/** Reads an IPv4 (dotted, no leading zeros) or IPv6 address (no zone); undefined where it is none. */
export function parseAddress(text: string): { readonly family: IpFamily; readonly value: bigint } | undefined {
  const family = text.includes(":") ? 6 : 4;
  const value = family === 6 ? parseIpv6(text) : parseIpv4(text);
  return value === undefined ? undefined : { family, value };
}

/** Reads `address/prefix` and clears the host bits; undefined where it is not a network. */
export function parseCidr(text: string): Cidr | undefined {
  const [address, length, ...more] = text.split("/");
  const parsed = parseAddress(address ?? "");
  if (parsed === undefined || length === undefined || more.length > 0 || !/^\d{1,3}$/.test(length)) return undefined;
  const prefix = Number(length);
  const bits = BITS[parsed.family];
  if (prefix > bits) return undefined;
  const hostBits = BigInt(bits - prefix);
  return { family: parsed.family, base: (parsed.value >> hostBits) << hostBits, prefix };
}

/** The network's n-th address: 0 is the network itself, 1 the first host. */
export const cidrHost = (cidr: Cidr, n: number): string => formatAddress(cidr.family, cidr.base + BigInt(n));

/** The address of `address/prefix`, without the prefix. */
export const addressOf = (text: string): string =>
  text.slice(0, text.indexOf("/") === -1 ? undefined : text.indexOf("/"));

function formatIpv6(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, i) => ((value >> BigInt(16 * (7 - i))) & 0xffffn).toString(16));
  // RFC 5952, 4.2: the longest run of two or more zero groups is written "::", the first of equals.
  const runs = [...groups.join(":").matchAll(/\b0(?::0)+\b/g)].sort((a, b) => b[0].length - a[0].length);
  const longest = runs[0];
  if (longest === undefined) return groups.join(":");
  const text = groups.join(":");
  const head = text.slice(0, longest.index).replace(/:$/, "");
  const tail = text.slice(longest.index + longest[0].length).replace(/^:/, "");
  return `${head}::${tail}`;
}

/** Prints an address in its canonical form (RFC 5952 for IPv6). */
export function formatAddress(family: IpFamily, value: bigint): string {
  if (family === 6) return formatIpv6(value);
  return [24n, 16n, 8n, 0n].map((shift) => ((value >> shift) & 0xffn).toString()).join(".");
}

/** Lower case with colons, from any of the forms that KubeVirt takes; undefined where it is not a 48-bit address. */
export function normalizeMac(text: string): string | undefined {
  const forms = [
    /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i,
    /^([0-9a-f]{2}-){5}[0-9a-f]{2}$/i,
    /^([0-9a-f]{4}\.){2}[0-9a-f]{4}$/i,
  ];
  if (!forms.some((form) => form.test(text))) return undefined;
  const digits = text.replace(/[^0-9a-f]/gi, "").toLowerCase();
  return (digits.match(/../g) ?? []).join(":");
}

/** True for a 48-bit hardware address in a form that KubeVirt takes. */
export const isMacAddress = (text: string): boolean => normalizeMac(text) !== undefined;
