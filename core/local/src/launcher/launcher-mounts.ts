import { dirname, join } from "node:path";
import type { DeviceNode } from "../networks/emulated-plugin.ts";
import type { HeldDisk } from "./host-disks.ts";
import type { VmUser } from "./vm-user.ts";

/** What a launcher sees of the machine's devices and disks. */
export interface LauncherFiles {
  /** The launcher's directory. */
  readonly directory: string;
  readonly user: VmUser;
  /** Device files: the hypervisor's, and those of the pod's own links. */
  readonly nodes: readonly DeviceNode[];
  /** Disks of the machine's: what was opened is what is shown. */
  readonly disks: readonly HeldDisk[];
}

/** The kernel's list of devices has these numbers. */
const TUN: DeviceNode = { path: "/dev/net/tun", major: 10, minor: 200 };
const KVM: DeviceNode = { path: "/dev/kvm", major: 10, minor: 232 };
const VHOST_NET: DeviceNode = { path: "/dev/vhost-net", major: 10, minor: 238 };

/** The device files that a hypervisor opens, whatever its NICs are. */
export const hypervisorNodes = ({
  kvm,
  vhost,
}: {
  readonly kvm: boolean;
  readonly vhost: boolean;
}): readonly DeviceNode[] => [TUN, ...(kvm ? [KVM] : []), ...(vhost ? [VHOST_NET] : [])];

/** The first descriptor that a disk has in the launcher's processes, until it is mounted: behind the one of bubblewrap's words. */
const FIRST_DISK = 4;
/** Shows the pod's own links under /sys, in a mount namespace that ends with the launcher. */
const WITH_SYSFS = "mount -t sysfs -o ro,nosuid,nodev,noexec sysfs /sys";
/** Where device files and disks stand in that namespace; on the machine it is an empty directory. */
export const nodesDirectory = (directory: string): string => join(dirname(directory), "nodes");

/** Where the launcher sees device files of vfio's: a NIC that comes while it runs may need more of them. */
export const VFIO = ["dev", "vfio"] as const;
const VFIO_PATH = `/${VFIO.join("/")}`;
const vfioDirectory = (directory: string): string => join(nodesDirectory(directory), VFIO[1]);

/** What becomes the launcher: a shell that makes what only that mount namespace has. */
export function prelude({ directory, nodes, disks, user: { uid, gid } }: LauncherFiles): readonly string[] {
  const made = nodes.map(({ major, minor }, at) => `mknod -m 0600 "$0/${at}" c ${major} ${minor}`);
  // What another mount namespace opened cannot be mounted here: the path is, and then it must be what was opened.
  const mounted = disks.map((_, at) => {
    const target = `"$0/disk-${at}"`;
    return `: > ${target} && mount --bind -- "$1" ${target} && [ ${target} -ef /proc/self/fd/${at + FIRST_DISK} ] && shift`;
  });
  const closed = disks.map((_, at) => `${at + FIRST_DISK}>&-`);
  // Of this VM's user alone, in a file system of their own: the machine's /run may hold no devices.
  const place = 'mount -t tmpfs -o mode=0711,nosuid,noexec tmpfs "$0"';
  const steps = [WITH_SYSFS, place, ...made, `chown ${uid}:${gid} "$0"/*`, 'mkdir -m 0755 "$0/vfio"', ...mounted];
  // Descriptors of two digits are a word of bash's.
  return [
    // bash reads its user's own commands where its input is a socket.
    ...(disks.length === 0 ? ["sh"] : ["bash", "--norc", "--noprofile"]),
    "-c",
    `${steps.join(" && ")} && exec "$@" ${closed.join(" ")}`,
    nodesDirectory(directory),
    ...disks.map(({ path }) => path),
  ];
}

/** bubblewrap's options that show device files where the hypervisor opens them; /dev is there. */
export const nodeBinds = ({ directory, nodes }: LauncherFiles): readonly string[] => [
  ...["--dev-bind", vfioDirectory(directory), VFIO_PATH],
  ...[...new Set(nodes.map(({ path }) => dirname(path)))]
    .filter((place) => place !== "/dev" && place !== VFIO_PATH)
    .flatMap((place) => ["--perms", "0755", "--dir", place]),
  ...nodes.flatMap(({ path }, at) => ["--dev-bind", join(nodesDirectory(directory), String(at)), path]),
];

/** The same for disks of the machine's, whose directory is there. */
export const diskBinds = ({ directory, disks }: LauncherFiles): readonly string[] =>
  disks.flatMap(({ target, block, readonly }, at) => [
    readonly === true ? "--ro-bind" : block ? "--dev-bind" : "--bind",
    join(nodesDirectory(directory), `disk-${at}`),
    target,
  ]);
