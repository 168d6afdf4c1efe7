import { closeSync } from "node:fs";
import { join } from "node:path";
import { type CommandError, type Exec, exec as run } from "../exec/exec.ts";
import { OVER_FRESH_PROC } from "../exec/fresh-proc.ts";
import { HeldProcess } from "../exec/held-process.ts";
import type { ProcessId } from "../exec/process-directory.ts";
import { exists, makeDirectory, openLog, readText, removeTree, writeText } from "../files/root-files.ts";
import { noContainer } from "../errors.ts";
import { type Container, containerConfiguration } from "./container.ts";
import { bornIn } from "./control-group.ts";
import { limitOptions } from "./limits.ts";
import { findSandboxWay } from "./sandbox-way.ts";
import type { StartedSandbox } from "./start-sandboxed.ts";

/** Where a container starts, and where what it prints is kept. */
export interface ContainerStart {
  /** A directory of root's for the runtime's files: what is in it goes. */
  readonly directory: string;
  readonly logFile: string;
  /** The control group that it is born in; absent: the caller's. */
  readonly cgroup?: string;
}

const DEADLINE = 20_000;
/** Hides the control groups; where the directory is missing, as in a container without sysfs, it is made: crun reads it. */
const HIDE_GROUPS =
  "[ -d /sys/fs/cgroup ] || { mount -t tmpfs tmpfs /sys && mkdir -p /sys/fs/cgroup; } && mount -t tmpfs tmpfs /sys/fs/cgroup";
/** crun takes no machine on which both versions of control groups are in use: it sees none. Its groups are its caller's. */
const WITHOUT_GROUPS = [
  ...["unshare", "--mount", "--propagation", "slave"],
  ...["sh", "-c", `${HIDE_GROUPS} && exec "$@"`, "crun", "crun", "--cgroup-manager=disabled"],
];
/** Gives a command the descriptor that a caller passes as the place for all that it prints. */
const PRINTING_TO_3 = ["sh", "-c", 'exec "$@" >&3 2>&3 3>&- < /dev/null', "container"];

/** The container's first process, as crun wrote it down: of this user, or it is none of its. */
function firstProcess(pidFile: string, uid: number): ProcessId | undefined {
  if (!exists(pidFile)) return undefined;
  using held = HeldProcess.open(Number(readText(pidFile)));
  return held?.uid === uid ? held.id : undefined;
}

/**
 * Starts a container by crun. It outlives the caller, and crun ends. One that cannot be started has said why in its log.
 *
 * @throws SandboxError where this machine lets no user namespace be made
 */
export async function startContainer(
  container: Container,
  { directory, logFile, cgroup }: ContainerStart,
  exec: Exec = run,
): Promise<StartedSandbox> {
  const { way, obstacles } = await findSandboxWay();
  if (way === "no-user-namespace") throw noContainer(obstacles);
  await removeTree(exec, directory);
  makeDirectory(directory, 0o700);
  writeText(join(directory, "config.json"), JSON.stringify(containerConfiguration(container)), 0o600);
  const pidFile = join(directory, "pid");
  const crun = ["--root", join(directory, "crun"), "run", "--detach", "--bundle", directory, "--pid-file", pidFile];
  const bounded = ["prlimit", ...limitOptions(container.limits), "--", ...WITHOUT_GROUPS, ...crun, "container"];
  const command = [...PRINTING_TO_3, ...bornIn(cgroup), ...(way === "fresh-proc" ? OVER_FRESH_PROC : []), ...bounded];
  const log = openLog(logFile);
  try {
    await exec(command, { descriptors: [log], deadline: DEADLINE });
  } catch (error) {
    if ((error as CommandError).exitCode === undefined) throw error;
    return { processes: [], inner: undefined };
  } finally {
    closeSync(log);
  }
  const inner = firstProcess(pidFile, container.uid);
  return { processes: inner === undefined ? [] : [inner], inner };
}
