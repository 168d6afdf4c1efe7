import { scanXml, type XmlNode } from "@netbind/domain";
import { failed, type Outcome } from "./vector.ts";

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** A value or a text with its references resolved. */
const resolved = (text: string): string =>
  text.replace(/&(?:#x([0-9a-fA-F]+)|#(\d+)|(\w+));/g, (whole, hex?: string, decimal?: string, name?: string) =>
    name === undefined
      ? String.fromCodePoint(hex === undefined ? Number(decimal) : Number.parseInt(hex, 16))
      : (ENTITIES[name] ?? whole),
  );

/**
 * An element as text in which order counts only among QEMU's arguments, and in which what is empty is left out. Empty
 * where the whole element is.
 */
export function canonicalElement(xml: string, node: XmlNode): string {
  const attributes = [...node.attributes]
    .filter(([name, value]) => value !== "" && !name.startsWith("xmlns"))
    .map(([name, value]) => `${name}=${JSON.stringify(resolved(value))}`)
    .sort();
  const children = node.children.map((child) => canonicalElement(xml, child)).filter((text) => text !== "");
  const inner =
    node.children.length > 0
      ? (node.name === "qemu:commandline" ? children : [...children].sort()).join("")
      : textOf(xml, node);
  if (attributes.length === 0 && inner === "") return "";
  return `<${[node.name, ...attributes].join(" ")}>${inner}</>`;
}

const textOf = (xml: string, node: XmlNode): string => resolved(xml.slice(node.openEnd, node.closeStart)).trim();

/** A lone element in its canonical form. */
export const canonicalXml = (xml: string): string => canonicalElement(xml, scanXml(xml));

const childrenOf = (node: XmlNode | undefined, name: string): readonly XmlNode[] =>
  (node?.children ?? []).filter((child) => child.name === name);

/** A domain in parts: what is about one NIC, and all the rest. */
export interface DomainParts {
  readonly nic: readonly string[];
  readonly rest: readonly string[];
}

/** Takes a domain apart: the NIC's interface, the memory's backing; the arguments of QEMU come separately. */
export function domainParts(xml: string, nic: string): DomainParts {
  const root = scanXml(xml);
  const isNic = (node: XmlNode): boolean =>
    node.name === "interface" &&
    childrenOf(node, "alias").some((alias) => alias.attributes.get("name") === `ua-${nic}`);
  const devices = root.children.find(({ name }) => name === "devices");
  const parts = [...root.children.filter((node) => node !== devices), ...(devices?.children ?? [])];
  const about = (node: XmlNode): boolean => isNic(node) || node.name === "memoryBacking";
  const print = (nodes: readonly XmlNode[]): readonly string[] =>
    nodes
      .map((node) => canonicalElement(xml, node))
      .filter((text) => text !== "")
      .sort();
  return {
    nic: print(parts.filter(about)),
    rest: print(parts.filter((node) => !about(node) && node.name !== "qemu:commandline")),
  };
}

/** The values of QEMU's own arguments in a domain. */
export const qemuArguments = (xml: string): readonly string[] =>
  childrenOf(scanXml(xml), "qemu:commandline").flatMap((node) =>
    node.children.map((argument) => resolved(argument.attributes.get("value") ?? "")),
  );

/** Compares two lists of parts. */
export const compareParts = (what: string, ours: readonly string[], theirs: readonly string[]): Outcome | undefined =>
  ours.join("\n") === theirs.join("\n")
    ? undefined
    : failed(`${what}: ours ${ours.join(" ")}\n    theirs ${theirs.join(" ")}`);
