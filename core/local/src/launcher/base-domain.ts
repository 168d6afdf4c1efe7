import { createHash } from "node:crypto";
import { bindingName, interfacesOf, parseQuantity, type Vmi, type VmiInterface } from "@netbind/kubevirt";
import { DEMO_GUEST, FULL_DEMO_GUEST } from "./image.ts";
import type { Accelerator } from "./kvm.ts";
import type { GuestDisk } from "./volumes.ts";

/** What a domain is made of, beside its NICs. */
export interface BaseDomain {
  readonly vmi: Vmi;
  readonly accelerator: Accelerator;
  readonly disks: readonly GuestDisk[];
}

const DEFAULT_MEMORY = 256 * 1024 * 1024;
/** Root ports that are left free, so that NICs can be plugged into a running guest. */
const SPARE_PORTS = 4;
const KERNEL_ARGUMENTS = "console=ttyS0 quiet panic=-1 tsc=reliable";
const DISK_BUSES: Readonly<Record<string, string>> = { virtio: "vd", sata: "sd", scsi: "sd", usb: "sd" };

const escapeXml = (text: string): string => text.replace(/[<>&"']/g, (character) => `&#${character.charCodeAt(0)};`);

/** The domain's name, as KubeVirt makes it. */
export const domainName = (vmi: Vmi): string => `${vmi.metadata.namespace}_${vmi.metadata.name}`;

/** True where the demo guest stands in: nothing that was given can be booted, and no NIC is to be booted from. */
export const needsDemoGuest = (vmi: Vmi, disks: readonly GuestDisk[]): boolean =>
  !disks.some(({ bootable }) => bootable) &&
  !interfacesOf(vmi).some(({ bootOrder, state }) => bootOrder !== undefined && state !== "absent");

const isVirtio = (nic: VmiInterface): boolean => (!nic.model || nic.model === "virtio") && bindingName(nic) !== "sriov";

/** The small guest knows virtio alone. */
const demoGuest = (vmi: Vmi): { readonly kernel: string; readonly initrd: string } =>
  interfacesOf(vmi).every(isVirtio) ? DEMO_GUEST : FULL_DEMO_GUEST;

function uuidOf(vmi: Vmi): string {
  const digits = createHash("sha256").update(`${vmi.metadata.namespace}/${vmi.metadata.name}`).digest("hex");
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    `4${digits.slice(13, 16)}`,
    `8${digits.slice(17, 20)}`,
    digits.slice(20, 32),
  ].join("-");
}

/** The guest's memory, in bytes. */
export function memoryBytes({ spec }: Vmi): number {
  const { memory, resources } = spec.domain;
  const text = memory?.guest ?? resources?.requests?.["memory"] ?? resources?.limits?.["memory"];
  const bytes = text === undefined ? DEFAULT_MEMORY : Number(parseQuantity(String(text)) ?? 0n);
  return Math.ceil(bytes / 1024) * 1024;
}

/** What is below a disk, named whole: QEMU looks for nothing by itself. */
const baseXml = ({ base }: GuestDisk): readonly string[] =>
  base === undefined
    ? []
    : [
        `      <backingStore type='file'><format type='${base.format}'/><source file='${escapeXml(base.path)}'/><backingStore/></backingStore>`,
      ];

function diskXml(disk: GuestDisk, at: number): string {
  const letter = String.fromCharCode("a".charCodeAt(0) + at);
  const bus = disk.bus in DISK_BUSES ? disk.bus : "virtio";
  return [
    // A read-only disk on a SATA bus is a CD-ROM: there is no other.
    `    <disk type='${disk.block === true ? "block" : "file"}' device='${disk.readonly && bus === "sata" ? "cdrom" : "disk"}'>`,
    `      <driver name='qemu' type='${disk.base === undefined ? "raw" : "qcow2"}'/>`,
    `      <source ${disk.block === true ? "dev" : "file"}='${escapeXml(disk.path)}'/>`,
    ...baseXml(disk),
    `      <target dev='${DISK_BUSES[bus]}${letter}' bus='${bus}'/>`,
    ...(disk.readonly ? ["      <readonly/>"] : []),
    ...(disk.serial === undefined ? [] : [`      <serial>${escapeXml(disk.serial)}</serial>`]),
    ...(disk.bootOrder === undefined ? [] : [`      <boot order='${disk.bootOrder}'/>`]),
    `      <alias name='ua-${escapeXml(disk.name)}'/>`,
    "    </disk>",
  ].join("\n");
}

/** What the guest boots, where that is not on a disk. */
function bootXml(vmi: Vmi, disks: readonly GuestDisk[]): readonly string[] {
  if (!needsDemoGuest(vmi, disks)) return [];
  const { kernel, initrd } = demoGuest(vmi);
  return [
    `    <kernel>${kernel}</kernel>`,
    `    <initrd>${initrd}</initrd>`,
    `    <cmdline>${KERNEL_ARGUMENTS}</cmdline>`,
  ];
}

/** The devices of a domain without its NICs: its buses with places to spare, disks, console, and the guest agent's channel. */
const devicesXml = (disks: readonly GuestDisk[]): readonly string[] => [
  "  <devices>",
  "    <emulator>/usr/bin/qemu-system-x86_64</emulator>",
  `    <controller type='usb' index='0' model='${disks.some(({ bus }) => bus === "usb") ? "qemu-xhci" : "none"}'/>`,
  "    <controller type='pci' index='0' model='pcie-root'/>",
  ...Array.from(
    { length: SPARE_PORTS + disks.length + 8 },
    (_, at) => `    <controller type='pci' index='${at + 1}' model='pcie-root-port'/>`,
  ),
  ...disks.map(diskXml),
  "    <serial type='unix'><source mode='bind' path='/netbind/run/serial.sock'/><target port='0'/></serial>",
  "    <console type='unix'><source mode='bind' path='/netbind/run/serial.sock'/><target type='serial' port='0'/></console>",
  // The guest's agent, where there is one, is asked here.
  "    <controller type='virtio-serial' index='0'/>",
  "    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>",
  "    <memballoon model='none'/>",
  "    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>",
  "  </devices>",
];

/** The libvirt domain of a VM without its NICs, in the shape that KubeVirt's launcher gives it. */
export function buildBaseDomain({ vmi, accelerator, disks }: BaseDomain): string {
  const { cores = 1, sockets = 1, threads = 1 } = vmi.spec.domain.cpu ?? {};
  return [
    `<domain type='${accelerator === "kvm" ? "kvm" : "qemu"}' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>`,
    `  <name>${escapeXml(domainName(vmi))}</name>`,
    `  <uuid>${uuidOf(vmi)}</uuid>`,
    `  <memory unit='b'>${memoryBytes(vmi)}</memory>`,
    `  <vcpu placement='static'>${cores * sockets * threads}</vcpu>`,
    "  <os>",
    "    <type arch='x86_64' machine='q35'>hvm</type>",
    ...bootXml(vmi, disks),
    "  </os>",
    "  <features><acpi/></features>",
    `  <cpu mode='${accelerator === "kvm" ? "host-passthrough" : "maximum"}'>`,
    `    <topology sockets='${sockets}' dies='1' cores='${cores}' threads='${threads}'/>`,
    "  </cpu>",
    "  <on_poweroff>destroy</on_poweroff>",
    "  <on_reboot>restart</on_reboot>",
    "  <on_crash>destroy</on_crash>",
    ...devicesXml(disks),
    "</domain>",
    "",
  ].join("\n");
}
