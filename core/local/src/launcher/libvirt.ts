import { spawn } from "node:child_process";
import { chownSync, closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { endProcesses, identifySandbox, type ProcessId, type Run, waitUntil } from "@netbind/netns";
import type { DeviceNode } from "../networks/host-plugin.ts";
import { makeDirectory } from "../state.ts";
import { copyCapabilities } from "./capabilities.ts";
import { checkLockedMemory, withLockedMemory } from "./locked-memory.ts";
import type { Image } from "./image.ts";
import { Launcher, LibvirtError, LIBVIRT_SOCKET } from "./launcher.ts";
import { dropPrivileges, groupText, passwdText, type VmUser } from "./vm-user.ts";
import type { LauncherBind } from "./volumes.ts";

/** What a launcher is made of. */
export interface LauncherSpec {
  /** Path of the pod's network namespace. */
  readonly netns: string;
  readonly image: Image;
  /** Name of the domain that it is for. */
  readonly domain: string;
  /** Its name: two libvirts of one name would not move a guest between them. */
  readonly hostname: string;
  /** The pod's directory of the launcher: shown inside as /netbind. */
  readonly directory: string;
  /** The VM's directory that its pods share: shown inside as {@link MIGRATION_DIRECTORY}. */
  readonly shared: string;
  /** The VM's user. */
  readonly user: VmUser;
  /** Device files: the hypervisor's, and those of the pod's own links. */
  readonly nodes: readonly DeviceNode[];
  readonly disks: readonly LauncherBind[];
  /** Bytes that the guest's memory takes when it is pinned for a device of the machine's; absent: nothing is pinned. */
  readonly lockedBytes?: number;
}

/** Where launchers of one VM meet. */
export const MIGRATION_DIRECTORY = "/run/kubevirt/migration";
const START_DEADLINE = 60_000;
const ENVIRONMENT = {
  PATH: "/usr/sbin:/usr/bin",
  HOME: "/netbind",
  XDG_RUNTIME_DIR: "/netbind/run",
  XDG_CONFIG_HOME: "/netbind/config",
  XDG_CACHE_HOME: "/netbind/cache",
  XDG_DATA_HOME: "/netbind/data",
} as const;
/** Shows the pod's own links under /sys, in a mount namespace that ends with the launcher. */
const WITH_SYSFS = "mount -t sysfs -o ro,nosuid,nodev,noexec sysfs /sys";
/** Where the device files of a pod's links stand in that namespace; on the machine it is an empty directory. */
/** Who the launcher's users are, in the pod's directory. */
const [PASSWD, GROUP] = ["passwd", "group"] as const;
const nodesDirectory = (directory: string): string => join(dirname(directory), "nodes");

/** What becomes the launcher: a shell that makes what only that mount namespace has. */
function prelude({ directory, nodes, user: { uid, gid } }: LauncherSpec): readonly string[] {
  const place = nodesDirectory(directory);
  const made = nodes.map(({ major, minor }, at) => `mknod -m 0600 "$0/${at}" c ${major} ${minor}`);
  // Of this VM's user alone, in a file system of their own: the machine's /run may hold no devices.
  const steps = [WITH_SYSFS, 'mount -t tmpfs -o mode=0711,nosuid,noexec tmpfs "$0"', ...made, `chown ${uid}:${gid} "$0"/*`];
  return ["sh", "-c", `${steps.join(" && ")} && exec "$@"`, place];
}

/** The kernel's list of devices has these numbers. */
const TUN: DeviceNode = { path: "/dev/net/tun", major: 10, minor: 200 };
const KVM: DeviceNode = { path: "/dev/kvm", major: 10, minor: 232 };
const VHOST_NET: DeviceNode = { path: "/dev/vhost-net", major: 10, minor: 238 };

/** The device files that a hypervisor opens, whatever its NICs are. */
export const hypervisorNodes = ({ kvm, vhost }: { readonly kvm: boolean; readonly vhost: boolean }): readonly DeviceNode[] => [
  TUN,
  ...(kvm ? [KVM] : []),
  ...(vhost ? [VHOST_NET] : []),
];

/** Makes the launcher's directory, as its user's. */
function prepareDirectory({ directory, hostname, user, image: { rootfs } }: LauncherSpec): void {
  const own = (path: string): void => chownSync(path, user.uid, user.gid);
  makeDirectory(directory, 0o700);
  own(directory);
  for (const name of ["run", "config", "config/libvirt", "cache", "data", "log", "disks"]) {
    const path = join(directory, name);
    if (existsSync(path)) continue;
    mkdirSync(path, { mode: 0o700 });
    own(path);
  }
  copyCapabilities(rootfs, join(directory, "cache"), user);
  const configuration = join(directory, "config/libvirt/qemu.conf");
  writeFileSync(configuration, 'stdio_handler = "file"\nsecurity_driver = "none"\n');
  own(configuration);
  // A name that no resolver is asked for.
  writeFileSync(join(directory, "hosts"), `127.0.0.1 localhost ${hostname}\n`);
  own(join(directory, "hosts"));
  writeFileSync(join(dirname(directory), PASSWD), passwdText(user), { mode: 0o644 });
  writeFileSync(join(dirname(directory), GROUP), groupText(user), { mode: 0o644 });
}

/** The command line of libvirt in a launcher of its own: pod's network, image's files, PIDs of its own, no privilege. */
export function launcherCommand(spec: LauncherSpec): readonly string[] {
  const { netns, hostname, image, directory, shared, user, nodes, disks, lockedBytes } = spec;
  return [
    ...[...withLockedMemory(lockedBytes), "nsenter", `--net=${netns}`, "--", "unshare", "--mount", ...prelude(spec)],
    ...[
      "bwrap",
      "--unshare-pid",
      "--unshare-ipc",
      "--unshare-uts",
      "--hostname",
      hostname,
      "--new-session",
      "--clearenv",
      "--info-fd",
      "3",
    ],
    // What changing to the VM's user takes; none of it is left then.
    ...["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP"],
    ...["--ro-bind", image.rootfs, "/", "--dev", "/dev"],
    ...[...new Set(nodes.map(({ path }) => dirname(path)))]
      .filter((place) => place !== "/dev")
      .flatMap((place) => ["--perms", "0755", "--dir", place]),
    ...nodes.flatMap(({ path }, at) => ["--dev-bind", join(nodesDirectory(directory), String(at)), path]),
    ...["--proc", "/proc", "--ro-bind", "/sys", "/sys", "--tmpfs", "/tmp", "--tmpfs", "/run", "--tmpfs", "/var/tmp"],
    // Where KubeVirt's launcher keeps passt's log, which passt writes as the VM's user. /var/run is /run.
    ...["--perms", "1777", "--dir", "/run/kubevirt"],
    ...["--bind", shared, MIGRATION_DIRECTORY, "--ro-bind", join(directory, "hosts"), "/etc/hosts"],
    ...["--ro-bind", join(dirname(directory), PASSWD), "/etc/passwd", "--ro-bind", join(dirname(directory), GROUP), "/etc/group"],
    ...["--bind", directory, "/netbind", "--perms", "0755", "--tmpfs", "/disks"],
    ...disks.flatMap(({ source, target }) => ["--bind", source, target]),
    ...Object.entries(ENVIRONMENT).flatMap(([name, value]) => ["--setenv", name, value]),
    ...["--", ...dropPrivileges(user), "libvirtd"],
  ];
}

/** Starts libvirt; `started` is told of its processes before anything waits for it. */
export async function startLauncher(run: Run, spec: LauncherSpec, started: (processes: readonly ProcessId[]) => void): Promise<Launcher> {
  if (spec.lockedBytes !== undefined) await checkLockedMemory(run, spec.lockedBytes);
  prepareDirectory(spec);
  makeDirectory(nodesDirectory(spec.directory));
  const logFile = join(spec.directory, "log/libvirtd.log");
  const log = openSync(logFile, "a", 0o600);
  const [file, ...args] = launcherCommand(spec);
  const child = spawn(file ?? "", args, {
    detached: true,
    stdio: ["ignore", log, log, "pipe"],
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8" },
  });
  closeSync(log);
  child.on("error", () => undefined);
  const { processes } = await identifySandbox(child, child.stdio[3]);
  started(processes);
  const ready = await waitUntil(() => child.exitCode !== null || existsSync(join(spec.directory, LIBVIRT_SOCKET)), START_DEADLINE);
  if (!ready || child.exitCode !== null) {
    await endProcesses(processes);
    throw new LibvirtError(`libvirt did not start: ${readFileSync(logFile, "utf8").trim().split("\n").slice(-3).join("; ")}`);
  }
  child.unref();
  for (const stream of child.stdio) stream?.destroy();
  const { directory, domain, user } = spec;
  return new Launcher(run, { processes, place: { directory, rootfs: spec.image.rootfs }, domain, user });
}
