import { accessSync, constants, readFileSync, readlinkSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { exec } from "../exec/exec.ts";

/** What the kernel says of a directory of the unified hierarchy (statfs(2)): what another mount hides is none. */
const CGROUP2_MAGIC = 0x63677270;

/** The unified hierarchy in which groups can be made, or why none can, with what to do. */
export type GroupHierarchy = { readonly mount: string } | { readonly why: string };

function isUnified(mount: string): boolean {
  try {
    return statfsSync(mount).type === CGROUP2_MAGIC;
  } catch {
    return false;
  }
}

function isWritable(mount: string): boolean {
  try {
    accessSync(mount, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Where systemd and container runtimes mount it. */
const USUAL = "/sys/fs/cgroup";

/** Where it is mounted for this process. All mounts, of which each pod has some, are read only where it is not as usual. */
const findMount = (): string | undefined =>
  isUnified(USUAL)
    ? USUAL
    : readFileSync("/proc/self/mountinfo", "utf8")
        .split("\n")
        .filter((line) => / - cgroup2 /.test(line))
        .map((line) => line.split(" ")[4] ?? "")
        .find(isUnified);

/** Looks where the unified hierarchy is mounted for this process. */
export function findHierarchy(): GroupHierarchy {
  const mount = findMount();
  if (mount === undefined)
    return {
      why: `no unified control group hierarchy (cgroup2) is mounted here: mount it read-write at ${USUAL}`,
    };
  return isWritable(mount)
    ? { mount }
    : { why: `the control groups at ${mount} are mounted read-only: mount them read-write` };
}

const groupIn = (text: string): string | undefined => /^0::(\/.*)$/m.exec(text)?.[1];

/** The control group of a process, below the unified hierarchy; undefined where it has none there. */
export const groupOf = (process: string | number): string | undefined =>
  groupIn(readFileSync(`/proc/${process}/cgroup`, "utf8"));

/** The control group namespace of the first process that this one sees: the machine's, with the machine's PID namespace. */
const MACHINES_NAMESPACE = "/proc/1/ns/cgroup";

const linkOf = (path: string): string | undefined => {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
};

/**
 * Enters the machine's control group namespace where this process has one of its own, as a container that is not
 * privileged has: from there it sees groups by ways up, and the kernel lets it move no process to one outside.
 */
export function inMachinesNamespace(): readonly string[] {
  const machines = linkOf(MACHINES_NAMESPACE);
  return machines === undefined || machines === linkOf("/proc/self/ns/cgroup")
    ? []
    : ["nsenter", `--cgroup=${MACHINES_NAMESPACE}`, "--"];
}

let rootGroup: Promise<string | undefined> | undefined;

/** Where the root of this process' control group namespace is, in the machine's. Nothing moves it. */
function findRootGroup(enter: readonly string[]): Promise<string | undefined> {
  rootGroup ??= exec([...enter, "cat", `/proc/${process.pid}/cgroup`]).then((text) => {
    const own = groupOf("self");
    const whole = groupIn(text);
    const below = own === "/" ? "" : own;
    return below !== undefined && whole?.endsWith(below) === true
      ? whole.slice(0, whole.length - below.length)
      : undefined;
  });
  rootGroup.catch(() => {
    rootGroup = undefined;
  });
  return rootGroup;
}

/**
 * The control group of a process by the machine's own view, whatever control group namespace this process is in.
 *
 * @throws CommandError where the machine's namespace cannot be entered
 */
export async function groupOnMachine(process: string | number): Promise<string | undefined> {
  const seen = groupOf(process);
  const enter = inMachinesNamespace();
  if (seen === undefined || enter.length === 0) return seen;
  const root = await findRootGroup(enter);
  return root === undefined ? undefined : join(root, seen);
}
