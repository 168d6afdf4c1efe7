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

/** Writes what was decided of one scan, in whatever order; none is within another. */
const spliceAll = (xml: string, splices: readonly Splice[]): string =>
  splices.toSorted((a, b) => b.start - a.start).reduce(splice, xml);

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
const insertChild = (xml: string, parent: XmlNode, after: XmlNode | undefined, child: XmlElement): string =>
  splice(xml, insertion(xml, parent, after, child));

function insertion(xml: string, parent: XmlNode, after: XmlNode | undefined, child: XmlElement): Splice {
  if (parent.selfClosing) {
    const { newline, indent } = indentBefore(xml, parent.start);
    const open = `${xml.slice(parent.start, parent.openEnd - "/>".length).trimEnd()}>`;
    const text = `${open}${newline}${printElement(child, newline === "" ? "" : `${indent}  `, newline)}${newline}${newline === "" ? "" : indent}</${parent.name}>`;
    return { start: parent.start, end: parent.end, text };
  }
  if (after !== undefined) {
    const { newline, indent } = indentBefore(xml, after.start);
    return {
      start: after.end,
      end: after.end,
      text: `${newline}${printElement(child, newline === "" ? "" : indent, newline)}`,
    };
  }
  const { newline, indent } = indentBefore(xml, parent.closeStart);
  const at = newline === "" ? parent.closeStart : parent.closeStart - indent.length;
  const text =
    newline === "" ? printElement(child, "", "") : `${printElement(child, `${indent}  `, newline)}${newline}`;
  return { start: at, end: at, text };
}

function domainOf(xml: string): XmlNode {
  const root = scanXml(xml);
  if (root.name === "domain") return root;
  throw notDomain(root.name);
}

/** A NIC's device in a domain: over the one that has its alias, or behind the last interface. */
function deviceSplice(xml: string, root: XmlNode, nic: NicDomain, device: XmlElement): Splice {
  const devices = childOf(root, "devices");
  if (devices === undefined) return insertion(xml, root, root.children.at(-1), element("devices", {}, device));
  const alias = aliasOf(nic, device.name);
  const current = devices.children.find((child) => child.name === device.name && hasAlias(child, alias));
  if (current === undefined) {
    const last = devices.children.filter(({ name }) => name === device.name).at(-1);
    return insertion(xml, devices, last, device);
  }
  const { newline, indent } = indentBefore(xml, current.start);
  const text = printElement(device, newline === "" ? "" : indent, newline).slice(newline === "" ? 0 : indent.length);
  return { start: current.start, end: current.end, text };
}

const writeDevice = (xml: string, nic: NicDomain, device: XmlElement): string =>
  splice(xml, deviceSplice(xml, domainOf(xml), nic, device));

/** Memory that another process can share: what vhost-user needs. */
const ACCESS = element("access", { mode: "shared" });
const SOURCE = element("source", { type: "memfd" });

/** The memory's backing in a domain that has none. */
function backingSplice(xml: string, root: XmlNode): Splice {
  const after = ["currentMemory", "memory", "uuid", "name"]
    .map((name) => childOf(root, name))
    .find((node) => node !== undefined);
  return insertion(xml, root, after, element("memoryBacking", {}, SOURCE, ACCESS));
}

/** Makes the guest's memory one that another process can share. */
function shareMemory(xml: string): string {
  const domain = domainOf(xml);
  const backing = childOf(domain, "memoryBacking");
  if (backing === undefined) return splice(xml, backingSplice(xml, domain));
  const mode = attributeOf(childOf(backing, "access"), "mode");
  if (mode !== undefined && mode !== "shared") throw memoryNotShared(mode);
  const withSource =
    childOf(backing, "source") === undefined ? insertChild(xml, backing, backing.children.at(-1), SOURCE) : xml;
  const now = childOf(domainOf(withSource), "memoryBacking");
  return mode === undefined && now !== undefined
    ? insertChild(withSource, now, now.children.at(-1), ACCESS)
    : withSource;
}

const isShared = (backing: XmlNode): boolean =>
  childOf(backing, "source") !== undefined && attributeOf(childOf(backing, "access"), "mode") === "shared";

/** Writes a NIC's device into a domain whose memory is to be shared. A scan costs more than all else: the usual domain takes one. */
function writeSharing(xml: string, nic: NicDomain, device: XmlElement): string {
  const root = domainOf(xml);
  const own = deviceSplice(xml, root, nic, device);
  const backing = childOf(root, "memoryBacking");
  if (backing !== undefined) return isShared(backing) ? splice(xml, own) : shareMemory(splice(xml, own));
  // Devices that are made would stand where the backing does.
  if (childOf(root, "devices") === undefined) return shareMemory(splice(xml, own));
  return spliceAll(xml, [own, backingSplice(xml, root)]);
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
      const write = needsSharedMemory(nic, plan) ? writeSharing : writeDevice;
      return write(xml, nic, plannedDevice(nic, plan));
    }
  }
}
