import type { BootFiles } from "./boot-files.ts";

/** What a nested machine is made of. */
export interface NestedParts {
  /** The launcher image's root: its QEMU knows NICs with virtual functions. */
  readonly rootfs: string;
  readonly files: BootFiles;
  /** The directory that both machines see. */
  readonly share: string;
  /** Files of this machine's that are its disks, read-only: /dev/vda and on. */
  readonly disks?: readonly string[];
}

const KERNEL_ARGUMENTS = [
  ...["console=ttyS0", "quiet", "loglevel=4", "panic=-1", "rdinit=/init", "net.ifnames=0"],
  ...[
    "intel_iommu=on",
    "iommu=pt",
    "mitigations=off",
    "nokaslr",
    "audit=0",
    "apparmor=0",
    "no_timer_check",
    "tsc=reliable",
  ],
].join(" ");

/**
 * A processor with virtualisation of its own. Protection keys and long page tables are left out: in software they cost most
 * of the time (every change of a protection key forgets all translated addresses, and JavaScript engines change them a lot).
 */
const PROCESSOR = [
  "-accel",
  "tcg,thread=multi,tb-size=1024",
  "-cpu",
  "max,pku=off,la57=off",
  "-smp",
  "2",
  "-m",
  "4096",
] as const;

const shared = (path: string, tag: string, options: string): readonly string[] => [
  "-virtfs",
  `local,path=${path},mount_tag=${tag},security_model=none,multidevs=remap${options}`,
];

const disk = (at: number): readonly string[] => [
  ...["-drive", `file=/mnt/disk${at},if=none,id=disk${at},format=raw,readonly=on`],
  ...["-device", `virtio-blk-pci,drive=disk${at}`],
];

/** A NIC with virtual functions, and one outside on the same wire. */
const NICS = [
  ...["-device", "intel-iommu,intremap=on,eim=on,caching-mode=on", "-device", "pcie-root-port,id=rp0,chassis=1,slot=1"],
  ...["-netdev", "hubport,hubid=1,id=inside", "-device", "igb,bus=rp0,netdev=inside,mac=02:00:00:00:00:01"],
  ...[
    "-netdev",
    "hubport,hubid=1,id=outside",
    "-device",
    "virtio-net-pci,netdev=outside,mac=02:00:00:00:00:99,romfile=",
  ],
] as const;

/**
 * The command that is the nested machine. It sees this machine's files, and may write to the shared directory alone. It has
 * its root's files by a second channel too, for what its own directories in memory (/tmp, /run) hide of them.
 */
export const nestedCommand = ({ rootfs, files, share, disks = [] }: NestedParts): readonly string[] => [
  ...["bwrap", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--die-with-parent", "--cap-add", "ALL"],
  ...["--ro-bind", rootfs, "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--tmpfs", "/mnt"],
  ...["--ro-bind", "/", "/mnt/outer", "--bind", share, "/mnt/share"],
  ...disks.flatMap((file, at) => ["--ro-bind", file, `/mnt/disk${at}`]),
  ...["--ro-bind", files.kernel, "/mnt/kernel", "--ro-bind", files.initrd, "/mnt/initrd"],
  ...[
    "qemu-system-x86_64",
    "-nodefaults",
    "-no-user-config",
    "-display",
    "none",
    "-no-reboot",
    "-machine",
    "q35",
    ...PROCESSOR,
  ],
  ...["-kernel", "/mnt/kernel", "-initrd", "/mnt/initrd", "-append", KERNEL_ARGUMENTS],
  ...["root", "outer"].flatMap((tag) => shared("/mnt/outer", tag, ",readonly=on")),
  ...shared("/mnt/share", "share", ""),
  ...disks.flatMap((_, at) => disk(at)),
  ...["-device", "virtio-rng-pci", "-serial", "file:/mnt/share/console", ...NICS],
];
