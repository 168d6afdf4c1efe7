import type { DomainPlan } from "@netbind/contract";
import { aliasOf, element, type NicDomain, tapInterface } from "./device.ts";
import { needsSharedMemory, plannedDevice } from "./planned-device.ts";
import { printElement, type XmlElement } from "./print.ts";
import { scanXml } from "./scan.ts";
import { childInNamespace, childOf, attributeOf, type XmlNode } from "./xml-node.ts";
import { userNetworkArguments } from "./user-network.ts";
import { memoryNotShared, notDomain } from "./errors.ts";

export { type NicDomain, nicDomain } from "./device.ts";

interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

const splice = (xml: string, { start, end, text }: Splice): string => xml.slice(0, start) + text + xml.slice(end);

/** An indent has at most this length: what is indented by more is put on a line without one. */
const LONGEST_INDENT = 256;

/** The white space that stands before a place, back to and with the line's end. */
function indentBefore(xml: string, at: number): { readonly newline: string; readonly indent: string } {
  let start = at;
  while (at - start < LONGEST_INDENT && (xml[start - 1] === " " || xml[start - 1] === "\t")) start--;
  const newline = ["\r\n", "\n"].find((one) => xml.endsWith(one, start)) ?? "";
  return { newline, indent: xml.slice(start, at) };
}

const hasAlias = (node: XmlNode, alias: string): boolean => attributeOf(childOf(node, "alias"), "name") === alias;

/** Puts an element among a parent's children: behind `after`, or as the last. */
function insertChild(xml: string, parent: XmlNode, after: XmlNode | undefined, child: XmlElement): string {
  if (parent.selfClosing) {
    const { newline, indent } = indentBefore(xml, parent.start);
    const open = `${xml.slice(parent.start, parent.openEnd - "/>".length).trimEnd()}>`;
    const text = `${open}${newline}${printElement(child, newline === "" ? "" : `${indent}  `, newline)}${newline}${newline === "" ? "" : indent}</${parent.name}>`;
    return splice(xml, { start: parent.start, end: parent.end, text });
  }
  if (after !== undefined) {
    const { newline, indent } = indentBefore(xml, after.start);
    return splice(xml, {
      start: after.end,
      end: after.end,
      text: `${newline}${printElement(child, newline === "" ? "" : indent, newline)}`,
    });
  }
  const { newline, indent } = indentBefore(xml, parent.closeStart);
  const at = newline === "" ? parent.closeStart : parent.closeStart - indent.length;
  const text =
    newline === "" ? printElement(child, "", "") : `${printElement(child, `${indent}  `, newline)}${newline}`;
  return splice(xml, { start: at, end: at, text });
}

function domainOf(xml: string): XmlNode {
  const root = scanXml(xml);
  if (root.name === "domain") return root;
  throw notDomain(root.name);
}

/** Writes a NIC's device into a domain: over the one that has its alias, or behind the last interface. */
function writeDevice(xml: string, nic: NicDomain, device: XmlElement): string {
  const root = domainOf(xml);
  const devices = childOf(root, "devices");
  if (devices === undefined) return insertChild(xml, root, root.children.at(-1), element("devices", {}, device));
  const alias = aliasOf(nic, device.name);
  const current = devices.children.find((child) => child.name === device.name && hasAlias(child, alias));
  if (current === undefined) {
    const last = devices.children.filter(({ name }) => name === device.name).at(-1);
    return insertChild(xml, devices, last, device);
  }
  const { newline, indent } = indentBefore(xml, current.start);
  const text = printElement(device, newline === "" ? "" : indent, newline).slice(newline === "" ? 0 : indent.length);
  return splice(xml, { start: current.start, end: current.end, text });
}

/** Makes the guest's memory one that another process can share: what vhost-user needs. */
function shareMemory(xml: string): string {
  const domain = domainOf(xml);
  const backing = childOf(domain, "memoryBacking");
  const access = element("access", { mode: "shared" });
  const source = element("source", { type: "memfd" });
  if (backing === undefined) {
    const after = ["currentMemory", "memory", "uuid", "name"]
      .map((name) => childOf(domain, name))
      .find((node) => node !== undefined);
    return insertChild(xml, domain, after, element("memoryBacking", {}, source, access));
  }
  const mode = attributeOf(childOf(backing, "access"), "mode");
  if (mode !== undefined && mode !== "shared") throw memoryNotShared(mode);
  const withSource =
    childOf(backing, "source") === undefined ? insertChild(xml, backing, backing.children.at(-1), source) : xml;
  const now = childOf(domainOf(withSource), "memoryBacking");
  return mode === undefined && now !== undefined
    ? insertChild(withSource, now, now.children.at(-1), access)
    : withSource;
}

const QEMU_NAMESPACE = "http://libvirt.org/schemas/domain/qemu/1.0";

const argumentOf = (value: string): XmlElement => element("qemu:arg", { value });

/** Makes a document's root know the prefix of QEMU's own arguments. */
function declareQemu(xml: string): string {
  const root = domainOf(xml);
  if (root.attributes.has("xmlns:qemu")) return xml;
  const at = root.selfClosing ? xml.lastIndexOf("/>", root.openEnd) : root.openEnd - 1;
  return splice(xml, { start: at, end: at, text: ` xmlns:qemu='${QEMU_NAMESPACE}'` });
}

/** QEMU's own arguments. Printers that know namespaces have a prefix of their own for them, or none. */
const commandlineOf = (xml: string): XmlNode | undefined =>
  childInNamespace(domainOf(xml), QEMU_NAMESPACE, "commandline");

/** Gives QEMU the arguments of a NIC: over the ones that it has for it, or behind all others. */
function writeArguments(xml: string, nic: NicDomain, planned: DomainPlan & { readonly kind: "userNetwork" }): string {
  const declared = declareQemu(xml);
  const machine = attributeOf(childOf(childOf(domainOf(declared), "os"), "type"), "machine") ?? "q35";
  const wanted = userNetworkArguments(nic, planned, machine);
  const commandline = commandlineOf(declared);
  if (commandline === undefined) {
    const last = domainOf(declared).children.at(-1);
    return insertChild(declared, domainOf(declared), last, element("qemu:commandline", {}, ...wanted.map(argumentOf)));
  }
  const own = (wanted[1] ?? "").split(",", 2).join(",");
  const values = commandline.children.map((node) => attributeOf(node, "value") ?? "");
  const at = values.findIndex(
    (value, place) => values[place - 1] === "-netdev" && (value === own || value.startsWith(`${own},`)),
  );
  const [first, last] = [commandline.children[at - 1], commandline.children[at + 2]];
  if (at === -1 || first === undefined || last === undefined) {
    return wanted.reduce((text, argument) => {
      const now = commandlineOf(text) ?? domainOf(text);
      return insertChild(text, now, now.children.at(-1), argumentOf(argument));
    }, declared);
  }
  if (wanted.every((argument, place) => values[at - 1 + place] === argument)) return declared;
  const { newline, indent } = indentBefore(declared, first.start);
  const text = wanted.map((argument) => printElement(argumentOf(argument), "", "")).join(newline + indent);
  return splice(declared, { start: first.start, end: last.end, text });
}

/** A NIC with what its plan wants of the domain. */
export interface PlannedDevice {
  readonly nic: NicDomain;
  readonly domain: DomainPlan;
}

/** What a binding's sidecar makes of a domain: every NIC of its own, in their order. */
export const patchDomains = (xml: string, nics: readonly PlannedDevice[]): string =>
  nics
    .filter(({ domain }) => domain.kind !== "tap")
    .reduce((text, { nic, domain }) => patchDomain(text, nic, domain), xml);

/** Writes the interface of a NIC on a tap: what a host does for domain kind `tap`. */
export const writeTapInterface = (xml: string, nic: NicDomain): string => writeDevice(xml, nic, tapInterface(nic));

/**
 * Makes a domain say what a plan wants of a NIC. Every byte outside the NIC's own element (and the memory's backing,
 * where it must be shared) stays as it was; patched twice, the bytes are the same. For kind `tap` nothing changes.
 *
 * @throws BindingError DOMAIN_INVALID for a text that is not a domain, PLAN_OUT_OF_BOUNDS or PLAN_IMPOSSIBLE for what
 *   cannot be written
 */
export function patchDomain(xml: string, nic: NicDomain, plan: DomainPlan): string {
  switch (plan.kind) {
    case "tap":
      domainOf(xml);
      return xml;
    case "userNetwork":
      return writeArguments(xml, nic, plan);
    default: {
      const patched = writeDevice(xml, nic, plannedDevice(nic, plan));
      return needsSharedMemory(nic, plan) ? shareMemory(patched) : patched;
    }
  }
}
