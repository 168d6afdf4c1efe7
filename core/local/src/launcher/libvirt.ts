import { spawn } from "node:child_process";
import { chownSync, closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { bornIn, endProcesses, identifySandbox, limitOptions, type ProcessId, type Run, scaled, waitUntil } from "@netbind/netns";
import { LAUNCHER_PROCESSES } from "../pod-groups.ts";
import { makeDirectory } from "../state.ts";
import { copyCapabilities } from "./capabilities.ts";
import { checkLockedMemory, withLockedMemory } from "./locked-memory.ts";
import type { Image } from "./image.ts";
import { Launcher, LibvirtError, LIBVIRT_SOCKET } from "./launcher.ts";
import { diskBinds, type LauncherFiles, nodeBinds, nodesDirectory, prelude } from "./launcher-mounts.ts";
import { dropPrivileges, groupText, passwdText } from "./vm-user.ts";

/** What a launcher is made of. Its directory is shown inside as /netbind. */
export interface LauncherSpec extends LauncherFiles {
  /** Path of the pod's network namespace. */
  readonly netns: string;
  readonly image: Image;
  /** Name of the domain that it is for. */
  readonly domain: string;
  /** Its name: two libvirts of one name would not move a guest between them. */
  readonly hostname: string;
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
/** Who the launcher's users are, in the pod's directory. */
const [PASSWD, GROUP] = ["passwd", "group"] as const;

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
  writeFileSync(configuration, 'stdio_handler = "file"\nsecurity_driver = "none"\nmax_core = 0\n');
  own(configuration);
  // A name that no resolver is asked for.
  writeFileSync(join(directory, "hosts"), `127.0.0.1 localhost ${hostname}\n`);
  own(join(directory, "hosts"));
  writeFileSync(join(dirname(directory), PASSWD), passwdText(user), { mode: 0o644 });
  writeFileSync(join(dirname(directory), GROUP), groupText(user), { mode: 0o644 });
}

/** Bytes of each of a launcher's file systems in memory: logs and sockets are all that is written there. */
const TMPFS_BYTES = scaled(64 * 1024 ** 2);
const inMemory = (path: string): readonly string[] => ["--size", String(TMPFS_BYTES), "--tmpfs", path];

/** The command line of libvirt in a launcher of its own: pod's network, image's files, PIDs of its own, no privilege. */
export function launcherCommand(spec: LauncherSpec): readonly string[] {
  const { netns, hostname, image, directory, shared, user, lockedBytes, cgroup } = spec;
  const limits = ["prlimit", ...limitOptions({ processes: LAUNCHER_PROCESSES }), "--"];
  return [
    ...[
      ...bornIn(cgroup),
      ...limits,
      ...withLockedMemory(lockedBytes),
      "nsenter",
      `--net=${netns}`,
      "--",
      "unshare",
      "--mount",
      ...prelude(spec),
    ],
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
    ...nodeBinds(spec),
    ...["--proc", "/proc", "--remount-ro", "/dev", "--ro-bind", "/sys", "/sys", ...["/tmp", "/run", "/var/tmp"].flatMap(inMemory)],
    // Where KubeVirt's launcher keeps passt's log, which passt writes as the VM's user. /var/run is /run.
    ...["--perms", "1777", "--dir", "/run/kubevirt"],
    ...["--bind", shared, MIGRATION_DIRECTORY, "--ro-bind", join(directory, "hosts"), "/etc/hosts"],
    ...["--ro-bind", join(dirname(directory), PASSWD), "/etc/passwd", "--ro-bind", join(dirname(directory), GROUP), "/etc/group"],
    ...["--bind", directory, "/netbind", "--perms", "0755", ...inMemory("/disks")],
    ...diskBinds(spec),
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
    stdio: ["ignore", log, log, "pipe", ...spec.disks.map(({ descriptor }) => descriptor)],
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
