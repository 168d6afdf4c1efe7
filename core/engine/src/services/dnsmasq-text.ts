import { formatAddress, type IpFamily, normalizeMac, parseAddress, parseCidr } from "@netbind/contract";
import { isDomainName } from "@netbind/kubevirt";
import { unencodableOptions } from "../errors.ts";

/** The most bytes that one DHCPv4 option carries (RFC 2132, 2). */
export const DHCP_OPTION_LIMIT = 255;
/** dnsmasq reads 1024 bytes of a line and takes the rest for a directive of its own: no line comes near that. */
export const LINE_LIMIT = 1000;

/** A value of a plan that the server's configuration cannot hold: `field` is its path in the plan. */
export interface TextProblem {
  readonly field: string;
  readonly problem: string;
}

/** The end of a list that does not reach the guest, because its option or its line holds no more. */
export interface OmittedValues {
  readonly field: string;
  /** What the option is called: `DHCPv4 option 119 (search domains)`. */
  readonly option: string;
  readonly values: readonly string[];
}

/** What a list is written into: `key` begins the line, `optionBytes` is the option's own limit. */
export interface ListOption {
  readonly option: string;
  readonly key: string;
  readonly optionBytes: number;
  /** The bytes that one value takes in the option. */
  readonly bytesOf: (value: string) => number;
}

/** The UTF-8 bytes of a text, as hexadecimal pairs. Half a surrogate pair has none. */
function utf8(text: string): readonly string[] {
  if (!text.isWellFormed()) return [];
  return [...encodeURIComponent(text).matchAll(/%(..)|(.)/gs)].map(([, escaped, plain]) =>
    escaped === undefined ? (plain ?? "").charCodeAt(0).toString(16).padStart(2, "0") : escaped.toLowerCase(),
  );
}

const HOST_NAME = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/i;

/**
 * The one encoder of a plan's texts for dnsmasq's configuration. A text that fits none is a problem, found with all others,
 * and an empty text takes its place: a configuration with problems is never used.
 */
export class DnsmasqText {
  readonly problems: TextProblem[] = [];
  readonly omitted: OmittedValues[] = [];
  readonly #path: string;

  /** `path` is the service's in its plan: `services[0]`. */
  constructor(path: string) {
    this.#path = path;
  }

  /** Adds an issue for a value that the server cannot be configured with; its place in the line stays empty. */
  refuse(field: string, value: string, why: string): string {
    const shown = value.length > 80 ? `${value.slice(0, 80)}...` : value;
    this.problems.push({
      field: `${this.#path}.${field}`,
      problem: `${JSON.stringify(shown)} cannot be sent by DHCP: ${why}`,
    });
    return "";
  }

  /** An address of a family, printed again from its number. */
  address(field: string, text: string, family: IpFamily = 4): string {
    const parsed = parseAddress(text);
    return parsed?.family === family
      ? formatAddress(family, parsed.value)
      : this.refuse(field, text, `it is not a valid IPv${family} address`);
  }

  /** A network of IPv4, printed again from its number. */
  network(field: string, text: string): string {
    const cidr = parseCidr(text);
    return cidr?.family === 4
      ? `${formatAddress(4, cidr.base)}/${cidr.prefix}`
      : this.refuse(field, text, "it is not a valid IPv4 network");
  }

  /** A MAC address in its one form. */
  mac(field: string, text: string): string {
    return normalizeMac(text) ?? this.refuse(field, text, "it is not a valid MAC address");
  }

  /** A link's name, which stands in the configuration unquoted. */
  linkName(text: string): string {
    return /^[A-Za-z0-9._-]{1,15}$/.test(text) ? text : this.refuse("link", text, "it is not a valid link name");
  }

  /** A domain name, whose last part is not a number: nothing in it has a meaning in the server's configuration. */
  domain(field: string, given: string): string {
    // A dot at the end says that the name is whole, as every name here is.
    return isDomainName(given) ? given.replace(/\.$/, "") : this.refuse(field, given, "it is not a valid domain name");
  }

  /** A host name: nothing in it means anything to the server's configuration. */
  hostName(field: string, text: string): string {
    return text.length <= 253 && HOST_NAME.test(text) ? text : this.refuse(field, text, "it is not a valid host name");
  }

  /**
   * Any text, in quotes: dnsmasq hides every character of a quoted text that would mean something to it. Control
   * characters are refused, because they are what it hides them as.
   */
  quoted(field: string, text: string): string {
    if (/\p{Cc}/u.test(text)) return this.refuse(field, text, "it holds a control character");
    if (!fitsOption(utf8(text))) return this.refuse(field, text, `it must be 1 to ${DHCP_OPTION_LIMIT} bytes long`);
    return `"${text.replace(/[\\"]/g, "\\$&")}"`;
  }

  /** Any bytes, as hexadecimal: taken for the options that dnsmasq knows no type of. */
  hex(field: string, text: string): string {
    const bytes = utf8(text);
    if (!fitsOption(bytes)) return this.refuse(field, text, `it must be 1 to ${DHCP_OPTION_LIMIT} bytes long`);
    // Two digits alone would be read as a decimal number, which is one byte too.
    return bytes.length === 1 ? String(Number.parseInt(bytes[0] ?? "", 16)) : bytes.join(":");
  }

  /**
   * A list in order of preference, as one line: values that its option or the line has no room for are left out from the
   * end, and noted. Nothing where there is none.
   */
  list(field: string, values: readonly string[], { option, key, optionBytes, bytesOf }: ListOption): readonly string[] {
    const kept: string[] = [];
    let [line, bytes] = [key.length, 0];
    for (const value of values) {
      line += value.length + 1;
      bytes += bytesOf(value);
      if (line > LINE_LIMIT || bytes > optionBytes) break;
      kept.push(value);
    }
    if (kept.length < values.length)
      this.omitted.push({ field: `${this.#path}.${field}`, option, values: values.slice(kept.length) });
    return kept.length === 0 ? [] : [`${key}${kept.join(",")}`];
  }

  /** Joins lines to a configuration. The one place where a line's end is written, and where its length is held to the limit. */
  configuration(lines: readonly string[]): string {
    for (const line of lines) {
      const key = line.slice(0, 40).split(",")[0] ?? "";
      const bytes = utf8(line).length;
      if (bytes > LINE_LIMIT || /\p{Cc}/u.test(line))
        this.refuse(
          `configuration line "${key}"`,
          line,
          `it has ${bytes} bytes, and dnsmasq reads ${LINE_LIMIT} of a line without control characters`,
        );
    }
    return `${lines.join("\n")}\n`;
  }
}

const fitsOption = (bytes: readonly string[]): boolean => bytes.length > 0 && bytes.length <= DHCP_OPTION_LIMIT;

/** Refuses a configuration with problems. @throws BindingError PLAN_OUT_OF_BOUNDS with all of them */
export function refuseTextProblems(problems: readonly TextProblem[]): void {
  if (problems.length === 0) return;
  throw unencodableOptions(problems.map(({ field, problem }) => `${field}: ${problem}`).join("; "));
}
