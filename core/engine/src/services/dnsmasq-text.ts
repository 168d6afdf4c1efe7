import { BindingError, formatAddress, type IpFamily, normaliseMac, parseAddress, parseCidr } from "@netbind/contract";
import { isDomainName } from "../facts/domain-name.ts";

/** The most bytes that one DHCPv4 option carries (RFC 2132, 2). */
export const DHCP_OPTION_LIMIT = 255;

/** The UTF-8 bytes of a text, as hexadecimal pairs. Half a surrogate pair has none. */
function utf8(text: string): readonly string[] {
  if (!text.isWellFormed()) return [];
  return [...encodeURIComponent(text).matchAll(/%(..)|(.)/g)].map(([, escaped, plain]) =>
    escaped === undefined ? (plain ?? "").charCodeAt(0).toString(16).padStart(2, "0") : escaped.toLowerCase(),
  );
}

/** Refuses a value that the server cannot be told. @throws BindingError PLAN_OUT_OF_BOUNDS */
export function refuse(what: string, value: string, why: string): never {
  throw new BindingError(
    "PLAN_OUT_OF_BOUNDS",
    `${what} ${JSON.stringify(value)} cannot be sent by DHCP: ${why}`,
    "plan a value that fits the option",
  );
}

/** An address of a family, printed anew from its number. */
export function address(what: string, text: string, family: IpFamily = 4): string {
  const parsed = parseAddress(text);
  if (parsed?.family !== family) refuse(what, text, `it is no IPv${family} address`);
  return formatAddress(family, parsed.value);
}

/** A network of IPv4, printed anew from its number. */
export function network(what: string, text: string): string {
  const cidr = parseCidr(text);
  if (cidr?.family !== 4) refuse(what, text, "it is no IPv4 network");
  return `${formatAddress(4, cidr.base)}/${cidr.prefix}`;
}

/** A MAC address in its one form. */
export const mac = (text: string): string => normaliseMac(text) ?? refuse("client", text, "it is no MAC address");

/** A link's name, which stands in the configuration unquoted. */
export function linkName(text: string): string {
  if (!/^[A-Za-z0-9._-]{1,15}$/.test(text)) refuse("link", text, "it is no link name");
  return text;
}

const HOST_NAME = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/i;

/** A domain name, whose last part is no number: nothing in it means anything to the server's configuration. */
export function domain(what: string, given: string): string {
  if (!isDomainName(given)) refuse(what, given, "it is no domain name");
  // A dot at the end says that the name is whole, as every name here is.
  return given.replace(/\.$/, "");
}

/** A host name: nothing in it means anything to the server's configuration. */
export function hostName(text: string): string {
  if (text.length > 253 || !HOST_NAME.test(text)) refuse("host name", text, "it is none");
  return text;
}

/**
 * Any text, in quotes: dnsmasq hides every character of a quoted text that would mean something to it. Control
 * characters are refused, because they are what it hides them as.
 */
export function quoted(what: string, text: string): string {
  if (/\p{Cc}/u.test(text)) refuse(what, text, "it holds a control character");
  const size = utf8(text).length;
  if (size === 0 || size > DHCP_OPTION_LIMIT) refuse(what, text, `it must be 1 to ${DHCP_OPTION_LIMIT} bytes long`);
  return `"${text.replace(/[\\"]/g, "\\$&")}"`;
}

/** Any bytes, as hexadecimal: taken for the options that dnsmasq knows no type of. */
export function hex(what: string, text: string): string {
  const bytes = utf8(text);
  if (bytes.length === 0 || bytes.length > DHCP_OPTION_LIMIT) refuse(what, text, `it must be 1 to ${DHCP_OPTION_LIMIT} bytes long`);
  // Two digits alone would be read as a decimal number, which is one byte too.
  return bytes.length === 1 ? String(Number.parseInt(bytes[0] ?? "", 16)) : bytes.join(":");
}
