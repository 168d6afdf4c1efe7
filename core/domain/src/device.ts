import { type Attachment, defined, type Plan } from "@netbind/contract";
import { tapOf } from "./tap-of.ts";
import type { XmlElement } from "./print.ts";

/** What the machine of a domain makes of every NIC. */
export interface Machine {
  readonly arch: "amd64" | "arm64" | "s390x";
  /** True where memory is encrypted: devices must go through the guest's IOMMU, and none has a boot ROM. */
  readonly launchSecurity: boolean;
}

/** The machine of a VM of which nothing else is said. */
export const COMMON_MACHINE: Machine = { arch: "amd64", launchSecurity: false };

/** What every NIC of a domain has, whatever its binding. */
export interface NicDomain {
  /** The logical name. */
  readonly name: string;
  /** Absent: the hypervisor draws one. */
  readonly mac?: string;
  /** As the VM's author wrote it: `virtio`, `e1000`, ... */
  readonly model: string;
  /** True where virtio devices are to be ones that old guests know too. */
  readonly transitional: boolean;
  /** 0: the model has no queues. */
  readonly queues: number;
  readonly mtu?: number;
  readonly tap?: string;
  /** The pod's link. Absent: it is not known yet. */
  readonly podLink?: string;
  /** Of the libvirt that reads the domain. Absent: one that reads all that there is. */
  readonly libvirtVersion?: string;
  readonly pciAddress?: string;
  readonly bootOrder?: number;
  readonly acpiIndex?: number;
  readonly linkDown: boolean;
  /** What moves a multiqueue NIC's packets: the kernel, as in a cluster, or QEMU itself. */
  readonly backend: "vhost" | "qemu";
  readonly machine: Machine;
}

/** What the core says of a NIC in its domain. */
export const nicDomain = (attachment: Attachment, backend: NicDomain["backend"] = "vhost"): NicDomain => ({
  backend,
  machine: COMMON_MACHINE,
  name: attachment.name,
  mac: attachment.mac,
  model: attachment.model,
  transitional: attachment.virtioTransitional,
  queues: attachment.queues,
  mtu: attachment.pod.mtu,
  tap: attachment.names.tap,
  podLink: attachment.pod.name,
  ...defined({
    libvirtVersion: attachment.libvirtVersion,
    pciAddress: attachment.pciAddress,
    bootOrder: attachment.bootOrder,
    acpiIndex: attachment.acpiIndex,
  }),
  linkDown: attachment.state === "down",
});

/** What the core says of a NIC whose hypervisor opens a link of the pod. */
export function tapDomain(attachment: Attachment, plan: Plan, backend: NicDomain["backend"] = "vhost"): NicDomain {
  const tap = tapOf(attachment, plan);
  return { ...nicDomain(attachment, backend), ...defined({ tap }) };
}

/** An element, from its parts. */
export const element = (
  name: string,
  attributes: Readonly<Record<string, string>>,
  ...children: readonly XmlElement[]
): XmlElement => ({
  name,
  attributes,
  children,
});

/** The alias of a NIC's device: KubeVirt finds it by this. */
export const aliasOf = (nic: NicDomain, device: string): string =>
  device === "hostdev" ? `ua-sriov-${nic.name}` : `ua-${nic.name}`;

/** A PCI address, `DDDD:BB:SS.F`, as an element. */
export function pciAddress(text: string): XmlElement {
  const [domain = "", bus = "", slot = "", fn = ""] = text.split(/[:.]/);
  return element("address", {
    type: "pci",
    domain: `0x${domain}`,
    bus: `0x${bus}`,
    slot: `0x${slot}`,
    function: `0x${fn}`,
  });
}

/** libvirt's name of a model. */
function modelType({ model, transitional, machine }: NicDomain): string {
  if (model !== "virtio" || machine.arch === "s390x") return model;
  return transitional ? "virtio-transitional" : "virtio-non-transitional";
}

/** The driver of a virtio NIC, where there is anything to say of it. */
function driver({ model, queues, backend, machine }: NicDomain): readonly XmlElement[] {
  if (model !== "virtio" || (queues === 0 && !machine.launchSecurity)) return [];
  return [
    element("driver", {
      name: backend,
      ...(queues > 0 ? { queues: String(queues) } : {}),
      ...(machine.launchSecurity ? { iommu: "on" } : {}),
    }),
  ];
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
  return [
    ...(nic.mac === undefined ? [] : [element("mac", { address: nic.mac })]),
    element("model", { type: modelType(nic) }),
    ...driver(nic),
    ...(nic.linkDown ? [element("link", { state: "down" })] : []),
  ];
}

/** A NIC that is not booted from, or whose ROM could not be trusted, needs none; and a mainframe knows no such thing. */
const hasNoRom = ({ bootOrder, machine }: NicDomain): boolean =>
  machine.arch !== "s390x" && (bootOrder === undefined || machine.launchSecurity);

/** The interface of a NIC on a tap, in the shape that KubeVirt's converter gives it. */
export function tapInterface(nic: NicDomain): XmlElement {
  return element(
    "interface",
    { type: "ethernet" },
    ...(nic.tap === undefined ? [] : [element("target", { dev: nic.tap, managed: "no" })]),
    ...interfaceChildren(nic),
    ...(nic.mtu === undefined ? [] : [element("mtu", { size: String(nic.mtu) })]),
    ...commonChildren(nic, aliasOf(nic, "interface")),
    ...(hasNoRom(nic) ? [element("rom", { enabled: "no" })] : []),
  );
}

/** An interface that is not on a tap: what it is connected to first, then what every NIC has. */
export function ownInterface(nic: NicDomain, type: string, own: readonly XmlElement[]): XmlElement {
  // KubeVirt updates the link of interfaces that it writes itself only: one that is down at boot would stay so for ever.
  const filled = interfaceChildren({ ...nic, linkDown: false });
  return element("interface", { type }, ...own, ...filled, ...commonChildren(nic, aliasOf(nic, "interface")));
}

/** A PCI device of the node's, handed to the guest as it is: its MAC, VLAN and link are its own, so the domain says none. */
export function hostDevice({ acpiIndex: _, ...nic }: NicDomain, address: string): XmlElement {
  const source = element("source", {}, pciAddress(address));
  return element("hostdev", { type: "pci", managed: "no" }, source, ...commonChildren(nic, aliasOf(nic, "hostdev")));
}
