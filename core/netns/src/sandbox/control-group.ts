import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { waitUntil } from "../exec/end-processes.ts";
import { readOnlyGroup, stubbornGroup } from "../errors.ts";
import { inMachinesNamespace } from "./group-hierarchy.ts";
import { type GroupLimits, RAISE_LIMITS } from "./limits.ts";

/** The controllers that limits take. */
export const CONTROLLERS = ["memory", "pids", "cpu"] as const;
/** The kernel's period for a share of a processor, in microseconds. */
const PERIOD = 100_000;
const REMOVE_DEADLINE = 2000;

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;
const textOf = (group: string, file: string): string => {
  try {
    return readFileSync(join(group, file), "utf8");
  } catch {
    return "";
  }
};

/** The controllers that a group hands on to its children. */
export const handedOn = (group: string): readonly string[] => textOf(group, "cgroup.subtree_control").trim().split(" ");

/** True where a group's children can be limited. */
export const canLimit = (group: string): boolean => CONTROLLERS.every((name) => handedOn(group).includes(name));

/**
 * Makes a group where it is not there yet, and limits it as far as it was handed controllers.
 *
 * @throws GroupError where the hierarchy may only be read, Error where its parent is gone
 */
export function makeGroup(group: string, { processes, memory, cpus }: GroupLimits): void {
  try {
    mkdirSync(group);
  } catch (error) {
    if (codeOf(error) === "EROFS") throw readOnlyGroup(group);
    if (codeOf(error) !== "EEXIST") throw error;
  }
  const limits = {
    "pids.max": String(processes),
    "memory.max": String(memory),
    "cpu.max": `${Math.round(cpus * PERIOD)} ${PERIOD}`,
  };
  for (const [file, value] of Object.entries(limits))
    if (existsSync(join(group, file))) writeFileSync(join(group, file), value);
}

/** Hands a group's controllers on to its children. @throws Error where processes are in the group itself, or it has them not */
export const handOn = (group: string): void =>
  writeFileSync(join(group, "cgroup.subtree_control"), CONTROLLERS.map((name) => `+${name}`).join(" "));

const childrenOf = (group: string): readonly string[] => {
  try {
    return readdirSync(group, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? [join(group, entry.name)] : [],
    );
  } catch {
    return [];
  }
};

function isRemoved(group: string): boolean {
  try {
    rmdirSync(group);
    return true;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return true;
    if (codeOf(error) === "EBUSY") return false;
    throw codeOf(error) === "EROFS" ? readOnlyGroup(group) : error;
  }
}

/**
 * Removes a group that was made for a pod, with its children; whatever is still in it is ended.
 *
 * @throws GroupError where the hierarchy may only be read, Error where it stays for another reason
 */
export async function removeGroup(group: string): Promise<void> {
  for (const child of childrenOf(group)) await removeGroup(child);
  if (isRemoved(group)) return;
  writeFileSync(join(group, "cgroup.kill"), "1");
  if (!(await waitUntil(() => isRemoved(group), REMOVE_DEADLINE))) throw stubbornGroup(group);
}

const counted = (group: string, file: string, event: string): number => {
  const line = textOf(group, file)
    .split("\n")
    .find((one) => one.startsWith(`${event} `));
  return Number(line?.slice(event.length + 1) ?? 0);
};

/** The limits that a group's processes have run into, a sentence each, with those of its children. */
export function limitsMet(group: string): readonly string[] {
  const own = basename(group);
  const limit = (file: string): string => textOf(group, file).trim();
  const ended = counted(group, "memory.events.local", "oom_kill");
  // Kernels that have no counter of the group's own count nothing else in the other.
  const refused = counted(
    group,
    existsSync(join(group, "pids.events.local")) ? "pids.events.local" : "pids.events",
    "max",
  );
  return [
    ...(ended > 0
      ? [
          `${own}: the kernel ended ${ended} processes at the limit of ${limit("memory.max")} bytes of memory: ${RAISE_LIMITS}`,
        ]
      : []),
    ...(refused > 0
      ? [
          `${own}: the kernel refused ${refused} processes or threads at the limit of ${limit("pids.max")}: ${RAISE_LIMITS}`,
        ]
      : []),
    ...childrenOf(group).flatMap(limitsMet),
  ];
}

/** Moves into a control group, and becomes what follows: nothing of it ever runs outside. */
export const bornIn = (group: string | undefined): readonly string[] =>
  group === undefined
    ? []
    : [...inMachinesNamespace(), "sh", "-c", 'echo 0 > "$1/cgroup.procs" && shift && exec "$@"', "cgroup", group];
