import { type Attachment, BindingError, type DomainPlan, type XmlElement } from "@netbind/contract";
import { printElement } from "./print.ts";
import { childOf, scanXml, type XmlNode } from "./scan.ts";

/** What every NIC of a domain has, whatever its binding. */
export interface NicDomain {
  /** The logical name. */
  readonly name: string;
  readonly mac: string;
  /** As the VM's author wrote it: `virtio`, `e1000`, ... */
  readonly model: string;
  /** 0: the model has no queues. */
  readonly queues: number;
  readonly mtu: number;
  readonly tap: string;
  readonly pciAddress?: string;
  readonly bootOrder?: number;
  readonly acpiIndex?: number;
  readonly linkDown: boolean;
  /** What moves a multiqueue NIC's packets: the kernel, as in a cluster, or QEMU itself. */
  readonly backend: "vhost" | "qemu";
}

/** What the core says of a NIC in its domain. */
export const nicDomain = (attachment: Attachment, backend: NicDomain["backend"] = "vhost"): NicDomain => ({
  backend,
  name: attachment.name,
  mac: attachment.mac,
  model: attachment.model,
  queues: attachment.queues,
  mtu: attachment.pod.mtu,
  tap: attachment.names.tap,
  ...(attachment.pciAddress === undefined ? {} : { pciAddress: attachment.pciAddress }),
  ...(attachment.bootOrder === undefined ? {} : { bootOrder: attachment.bootOrder }),
  ...(attachment.acpiIndex === undefined ? {} : { acpiIndex: attachment.acpiIndex }),
  linkDown: attachment.state === "down",
});

const element = (name: string, attributes: Readonly<Record<string, string>>, ...children: readonly XmlElement[]): XmlElement => ({
  name,
  attributes,
  children,
});

function pciAddress(text: string): XmlElement {
  const [domain = "", bus = "", slot = "", fn = ""] = text.split(/[:.]/);
  return element("address", { type: "pci", domain: `0x${domain}`, bus: `0x${bus}`, slot: `0x${slot}`, function: `0x${fn}` });
}

/** The children that the core adds to any device of a NIC. */
function commonChildren(nic: NicDomain, alias: string): readonly XmlElement[] {
  return [
    ...(nic.bootOrder === undefined ? [] : [element("boot", { order: String(nic.bootOrder) })]),
    element("alias", { name: alias }),
    ...(nic.acpiIndex === undefined ? [] : [element("acpi", { index: String(nic.acpiIndex) })]),
    ...(nic.pciAddress === undefined ? [] : [pciAddress(nic.pciAddress)]),
  ];
}

/** The children that the core adds to an `<interface>`. */
function interfaceChildren(nic: NicDomain): readonly XmlElement[] {
  const model = nic.model === "virtio" ? "virtio-non-transitional" : nic.model;
  return [
    element("mac", { address: nic.mac }),
    element("model", { type: model }),
    ...(nic.queues > 0 && nic.model === "virtio" ? [element("driver", { name: nic.backend, queues: String(nic.queues) })] : []),
    ...(nic.linkDown ? [element("link", { state: "down" })] : []),
  ];
}

const aliasOf = (nic: NicDomain, device: string): string => (device === "hostdev" ? `ua-sriov-${nic.name}` : `ua-${nic.name}`);

/** The interface of a NIC on a tap, in the shape that KubeVirt's converter gives it. */
export function tapInterface(nic: NicDomain): XmlElement {
  return element(
    "interface",
    { type: "ethernet" },
    element("target", { dev: nic.tap, managed: "no" }),
    ...interfaceChildren(nic),
    element("mtu", { size: String(nic.mtu) }),
    ...commonChildren(nic, aliasOf(nic, "interface")),
    // A NIC that is not booted from needs no boot ROM.
    ...(nic.bootOrder === undefined ? [element("rom", { enabled: "no" })] : []),
  );
}

const CORE_CHILDREN = ["alias", "mac", "model", "address", "boot", "acpi", "driver", "link", "rom", "mtu"] as const;

/** A binding's own device, with what the core fills in. */
function plannedDevice(nic: NicDomain, planned: XmlElement): XmlElement {
  if (planned.name !== "interface" && planned.name !== "hostdev") {
    throw new BindingError(
      "PLAN_OUT_OF_BOUNDS",
      `NIC "${nic.name}" is planned as <${planned.name}>`,
      "plan one <interface> or one <hostdev>",
    );
  }
  const own = planned.children ?? [];
  const clash = own.find(({ name }) => CORE_CHILDREN.some((child) => child === name));
  if (clash !== undefined)
    throw new BindingError("PLAN_OUT_OF_BOUNDS", `NIC "${nic.name}" plans its own <${clash.name}>`, "leave it to the core");
  const filled = planned.name === "interface" ? interfaceChildren(nic) : [];
  return { ...planned, children: [...own, ...filled, ...commonChildren(nic, aliasOf(nic, planned.name))] };
}

interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

const splice = (xml: string, { start, end, text }: Splice): string => xml.slice(0, start) + text + xml.slice(end);

/** The white space that stands before a place, back to and with the line's end. */
function indentBefore(xml: string, at: number): { readonly newline: string; readonly indent: string } {
  const [, newline = "", indent = ""] = /(\r?\n)?([ \t]*)$/.exec(xml.slice(Math.max(0, at - 256), at)) ?? [];
  return { newline, indent };
}

function hasAlias(node: XmlNode, alias: string): boolean {
  return childOf(node, "alias")?.attributes.get("name") === printedValue(alias);
}

/** A value as the printer writes it, to be compared with what stands in a document. */
const printedValue = (value: string): string => /='(.*)'/s.exec(printElement({ name: "a", attributes: { v: value } }))?.[1] ?? "";

/** Puts an element among a parent's children: behind `after`, or as the last. */
function insertChild(xml: string, parent: XmlNode, after: XmlNode | undefined, child: XmlElement): string {
  if (parent.selfClosing) {
    const { newline, indent } = indentBefore(xml, parent.start);
    const open = `${xml.slice(parent.start, parent.openEnd).replace(/\s*\/>$/, "")}>`;
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
  const text = newline === "" ? printElement(child, "", "") : `${printElement(child, `${indent}  `, newline)}${newline}`;
  return splice(xml, { start: at, end: at, text });
}

function domainOf(xml: string): XmlNode {
  const root = scanXml(xml);
  if (root.name === "domain") return root;
  throw new BindingError("DOMAIN_INVALID", `the root element is <${root.name}>, not <domain>`, "give the domain as libvirt prints it");
}

/** Writes a NIC's device into a domain: over the one that has its alias, or behind the last interface. */
function writeDevice(xml: string, nic: NicDomain, device: XmlElement): string {
  const devices = childOf(domainOf(xml), "devices");
  if (devices === undefined)
    throw new BindingError("DOMAIN_INVALID", "the domain has no <devices>", "give the domain as libvirt prints it");
  const alias = aliasOf(nic, device.name);
  const present = devices.children.find((child) => child.name === device.name && hasAlias(child, alias));
  if (present === undefined) {
    const last = devices.children.filter(({ name }) => name === device.name).at(-1);
    return insertChild(xml, devices, last, device);
  }
  const { newline, indent } = indentBefore(xml, present.start);
  const text = printElement(device, newline === "" ? "" : indent, newline).slice(newline === "" ? 0 : indent.length);
  return splice(xml, { start: present.start, end: present.end, text });
}

/** Makes the guest's memory one that another process can share: what vhost-user needs. */
function shareMemory(xml: string): string {
  const domain = domainOf(xml);
  const backing = childOf(domain, "memoryBacking");
  const access = element("access", { mode: "shared" });
  const source = element("source", { type: "memfd" });
  if (backing === undefined) {
    const after = ["currentMemory", "memory", "uuid", "name"].map((name) => childOf(domain, name)).find((node) => node !== undefined);
    return insertChild(xml, domain, after, element("memoryBacking", {}, source, access));
  }
  const mode = childOf(backing, "access")?.attributes.get("mode");
  if (mode !== undefined && mode !== "shared") {
    throw new BindingError(
      "PLAN_IMPOSSIBLE",
      `the domain's memory has access mode "${mode}", and the NIC needs it shared`,
      "remove the access mode, or use another binding",
    );
  }
  const withSource = childOf(backing, "source") === undefined ? insertChild(xml, backing, backing.children.at(-1), source) : xml;
  const now = childOf(domainOf(withSource), "memoryBacking");
  return mode === undefined && now !== undefined ? insertChild(withSource, now, now.children.at(-1), access) : withSource;
}

/** Writes the interface of a NIC on a tap: what a host does for domain kind `tap`. */
export const writeTapInterface = (xml: string, nic: NicDomain): string => writeDevice(xml, nic, tapInterface(nic));

/**
 * Makes a domain say what a plan wants of a NIC. Every byte outside the NIC's own element (and the memory's backing,
 * where it must be shared) stays as it was; patched twice, the bytes are the same. For kind `tap` nothing changes.
 *
 * @throws BindingError DOMAIN_INVALID for what is no domain, PLAN_OUT_OF_BOUNDS or PLAN_IMPOSSIBLE for what cannot be written
 */
export function patchDomain(xml: string, nic: NicDomain, plan: DomainPlan): string {
  switch (plan.kind) {
    case "tap":
      domainOf(xml);
      return xml;
    case "device": {
      const patched = writeDevice(xml, nic, plannedDevice(nic, plan.element));
      return plan.sharedMemory ? shareMemory(patched) : patched;
    }
    default:
      return plan satisfies never;
  }
}
