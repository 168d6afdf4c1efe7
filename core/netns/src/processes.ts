import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { patient } from "./patience.ts";

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessId {
  readonly pid: number;
  /** Clock ticks since boot at its start, from /proc/PID/stat. */
  readonly startTime: number;
}

/** What proc_pid_stat(5) says of a process; undefined where there is no such process. */
interface ProcessStat {
  readonly name: string;
  /** A letter. */
  readonly state: string;
  readonly parent: number;
  readonly startTime: number;
}

function statOf(pid: number): ProcessStat | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command's name is in parentheses and may hold anything; fields are counted from behind it.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const name = stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"));
    return { name, state: fields[0] ?? "", parent: Number(fields[1]), startTime: Number(fields[19]) };
  } catch {
    return undefined;
  }
}

/** When a process started, in clock ticks since boot; undefined where there is no such process or it is a zombie. */
export function startTimeOf(pid: number): number | undefined {
  const stat = statOf(pid);
  return stat === undefined || stat.state === "Z" ? undefined : stat.startTime;
}

/** Identifies a running process. */
export function identify(pid: number): ProcessId | undefined {
  const startTime = startTimeOf(pid);
  return startTime === undefined ? undefined : { pid, startTime };
}

/** True while this very process runs. */
export const isAlive = ({ pid, startTime }: ProcessId): boolean => startTimeOf(pid) === startTime;

/** True while this very process runs and nobody holds it stopped. */
export function isRunning({ pid, startTime }: ProcessId): boolean {
  const stat = statOf(pid);
  return stat?.startTime === startTime && !["Z", "T", "t"].includes(stat.state);
}

/** Every process whose network namespace is the one at `path`, this process not counted. */
export function processesIn(path: string): readonly ProcessId[] {
  const wanted = inode(path);
  if (wanted === undefined) return [];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid && inode(`/proc/${name}/ns/net`) === wanted)
    .flatMap((name) => identify(Number(name)) ?? []);
}

/**
 * Every process whose output goes to a path, or below it. A process has that from its birth, before it enters the namespace
 * that it is to live in: whoever started it may have died before he could write it down.
 */
export function processesLoggingTo(path: string): readonly ProcessId[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => {
      const output = outputOf(name);
      return output === path || output.startsWith(`${path}/`);
    })
    .flatMap((name) => identify(Number(name)) ?? []);
}

function outputOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/1`);
  } catch {
    return "";
  }
}

/** Names of the processes that a service is made of, before it is what it is to be and after. */
const SERVER_NAMES = new Set(["prlimit", "bwrap", "dnsmasq"]);

/**
 * Servers in a network namespace that belong to nothing that is recorded: somebody was killed after he had started one and
 * before he could write it down.
 */
export function strayServers(path: string, recorded: readonly ProcessId[]): readonly ProcessId[] {
  const isKnown = amongOrBelow(recorded);
  return processesIn(path).filter(({ pid }) => SERVER_NAMES.has(statOf(pid)?.name ?? "") && !isKnown(pid));
}

/** Tells of a process whether it is one of these, or descends from one. */
function amongOrBelow(processes: readonly ProcessId[]): (pid: number) => boolean {
  const known = new Set(processes.filter(isAlive).map(({ pid }) => pid));
  const isKnown = (pid: number): boolean => known.has(pid) || (pid > 1 && isKnown(statOf(pid)?.parent ?? 0));
  return isKnown;
}

/** The same, where a user is nobody else's: the namespace may have processes of its own with any name. */
export function straysOfUser(uid: number, recorded: readonly ProcessId[]): readonly ProcessId[] {
  const isKnown = amongOrBelow(recorded);
  return processesOfUser(uid).filter(({ pid }) => !isKnown(pid));
}

/** Every process of a user. */
export function processesOfUser(uid: number): readonly ProcessId[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && ownerOf(name) === uid)
    .flatMap((name) => identify(Number(name)) ?? []);
}

function ownerOf(pid: string): number | undefined {
  try {
    return statSync(`/proc/${pid}`).uid;
  } catch {
    return undefined;
  }
}

function inode(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path);
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

/** Sends a signal to a process if it is still the same one. */
export function signal(target: ProcessId, name: NodeJS.Signals): void {
  if (!isAlive(target)) return;
  try {
    process.kill(target.pid, name);
  } catch {
    // It ended meanwhile.
  }
}

/** Waits until a condition holds; false where it did not within `deadline` milliseconds. */
export async function waitUntil(condition: () => boolean | Promise<boolean>, deadline: number, interval = 20): Promise<boolean> {
  const end = performance.now() + patient(deadline);
  for (;;) {
    if (await condition()) return true;
    if (performance.now() >= end) return false;
    await new Promise((resolve) => setTimeout(resolve, interval));
  }
}

/** Ends processes: SIGTERM, then SIGKILL to those that are still there after `grace` milliseconds. Returns those left. */
export async function endProcesses(targets: readonly ProcessId[], grace = 2000): Promise<readonly ProcessId[]> {
  for (const target of targets) signal(target, "SIGTERM");
  if (await waitUntil(() => !targets.some(isAlive), grace)) return [];
  for (const target of targets) signal(target, "SIGKILL");
  await waitUntil(() => !targets.some(isAlive), 2000);
  return targets.filter(isAlive);
}
