import { spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  bornIn,
  endProcesses,
  type Exec,
  identifySandbox,
  limitOptions,
  makeDirectory,
  openLog,
  type ProcessId,
  scaled,
  UserTree,
  waitUntil,
  writeText,
} from "@netbind/netns";
import { canHold } from "@netbind/remote/sidecar";
import { LAUNCHER_PROCESSES } from "../pod/pod-groups.ts";
import { lastLines } from "../record/read-end.ts";
import { copyCapabilities } from "./capabilities.ts";
import { checkLockedMemory, withLockedMemory } from "./locked-memory.ts";
import type { Image } from "./image.ts";
import { holdLibvirtSocket, Launcher } from "./launcher.ts";
import { diskBinds, type LauncherFiles, nodeBinds, nodesDirectory, prelude } from "./launcher-mounts.ts";
import { MADE_DISKS, madeDisksDirectory } from "./made-disks.ts";
import { dropPrivileges, groupText, passwdText } from "./vm-user.ts";
import { libvirtNotStarted } from "../errors.ts";

/** What a launcher is made of. Its directory is shown inside as /netbind. */
export interface LauncherSpec extends LauncherFiles {
  /** Path of the pod's network namespace. */
  readonly netns: string;
  readonly image: Image;
  /** Name of the domain that it is for. */
  readonly domain: string;
  /** Its name: two libvirts of one name would not move a guest between them. */
  readonly hostname: string;
  /** The pod's directory: the disks that are made for its guest are there. */
  readonly pod: string;
  /** The VM's directory that its pods share: shown inside as {@link MIGRATION_DIRECTORY}. */
  readonly shared: string;
  /** Bytes that the guest's memory takes when it is pinned for a device of the machine's; absent: nothing is pinned. */
  readonly lockedBytes?: number;
  /** The control group that it is born in; absent: the caller's. */
  readonly cgroup?: string;
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
/** What the launcher finds of these below /etc, beside its directory. */
const [HOSTS, PASSWD, GROUP] = ["hosts", "passwd", "group"] as const;
/** What libvirt says, beside the launcher's directory. */
export const libvirtLog = (launcher: string): string => join(dirname(launcher), "libvirtd.log");

/** Makes the launcher's directory. It is its user's once all is in it; what only root writes stands beside it. */
function prepareDirectory({ directory, pod, hostname, user, image: { rootfs } }: LauncherSpec): void {
  const tree = new UserTree(directory);
  for (const name of ["run", "cache", "data", "log"]) tree.makeDirectory(name);
  tree.makeDirectory("config", "libvirt");
  tree.writeText('stdio_handler = "file"\nsecurity_driver = "none"\nmax_core = 0\n', "config", "libvirt", "qemu.conf");
  copyCapabilities(rootfs, tree);
  tree.giveTo(user);
  const beside = dirname(directory);
  for (const path of [nodesDirectory(directory), madeDisksDirectory(pod)]) makeDirectory(path);
  // A name that no resolver is asked for.
  writeText(join(beside, HOSTS), `127.0.0.1 localhost ${hostname}\n`, 0o644);
  writeText(join(beside, PASSWD), passwdText(user), 0o644);
  writeText(join(beside, GROUP), groupText(user), 0o644);
}

/** Bytes of each of a launcher's file systems in memory: logs and sockets are all that is written there. */
const TMPFS_BYTES = scaled(64 * 1024 ** 2);
const inMemory = (path: string): readonly string[] => ["--size", String(TMPFS_BYTES), "--tmpfs", path];

/** Enters the pod's network, in mounts of its own, within a launcher's limits. */
const enterPod = (spec: LauncherSpec): readonly string[] => [
  ...bornIn(spec.cgroup),
  ...["prlimit", ...limitOptions({ processes: LAUNCHER_PROCESSES }), "--"],
  ...withLockedMemory(spec.lockedBytes),
  ...["nsenter", `--net=${spec.netns}`, "--", "unshare", "--mount", ...prelude(spec)],
];

/** What a launcher sees: the image, the devices and disks that its VM was given, and its own directory. */
function launcherMounts(spec: LauncherSpec): readonly string[] {
  const { image, directory, pod, shared } = spec;
  const beside = (name: string): string => join(dirname(directory), name);
  return [
    ...["--ro-bind", image.rootfs, "/", "--dev", "/dev"],
    ...nodeBinds(spec),
    ...[
      "--proc",
      "/proc",
      "--remount-ro",
      "/dev",
      "--ro-bind",
      "/sys",
      "/sys",
      ...["/tmp", "/run", "/var/tmp"].flatMap(inMemory),
    ],
    // Where KubeVirt's launcher keeps passt's log, which passt writes as the VM's user. /var/run is /run.
    ...["--perms", "1777", "--dir", "/run/kubevirt"],
    ...["--bind", shared, MIGRATION_DIRECTORY, "--ro-bind", beside(HOSTS), "/etc/hosts"],
    ...["--ro-bind", beside(PASSWD), "/etc/passwd", "--ro-bind", beside(GROUP), "/etc/group"],
    ...["--bind", directory, "/netbind", "--perms", "0755", ...inMemory("/disks")],
    ...["--ro-bind", madeDisksDirectory(pod), MADE_DISKS],
    ...diskBinds(spec),
  ];
}

/** The command line of libvirt in a launcher of its own: pod's network, image's files, PIDs of its own, no privilege. */
export const launcherCommand = (spec: LauncherSpec): readonly string[] => [
  ...enterPod(spec),
  ...["bwrap", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--hostname", spec.hostname],
  ...["--new-session", "--clearenv", "--info-fd", "3"],
  // What changing to the VM's user takes; none of it is left then.
  ...["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP"],
  ...launcherMounts(spec),
  ...Object.entries(ENVIRONMENT).flatMap(([name, value]) => ["--setenv", name, value]),
  ...["--", ...dropPrivileges(spec.user), "libvirtd"],
];

/** Starts libvirt; `started` receives its processes before anything waits for it. */
export async function startLauncher(
  exec: Exec,
  spec: LauncherSpec,
  started: (processes: readonly ProcessId[]) => void,
): Promise<Launcher> {
  if (spec.lockedBytes !== undefined) await checkLockedMemory(exec, spec.lockedBytes);
  prepareDirectory(spec);
  const logFile = libvirtLog(spec.directory);
  const log = openLog(logFile);
  const [file, ...args] = launcherCommand(spec);
  const child = spawn(file ?? "", args, {
    detached: true,
    stdio: ["ignore", log, log, "pipe", ...spec.disks.map(({ descriptor }) => descriptor)],
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8" },
  });
  closeSync(log);
  child.on("error", () => undefined);
  const { processes } = await identifySandbox(child, child.stdio[3]);
  started(processes);
  const ready = await waitUntil(
    () => child.exitCode !== null || canHold(() => holdLibvirtSocket(spec.directory, spec.user)),
    START_DEADLINE,
  );
  if (!ready || child.exitCode !== null) {
    await endProcesses(processes);
    throw libvirtNotStarted(lastLines(logFile));
  }
  child.unref();
  for (const stream of child.stdio) stream?.destroy();
  const { directory, domain, user } = spec;
  return new Launcher(exec, { processes, place: { directory, rootfs: spec.image.rootfs }, domain, user });
}
