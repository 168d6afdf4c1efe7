import { readdirSync } from "node:fs";
import { isAlive } from "./held-process.ts";
import { inode, ProcessDirectory, type ProcessId } from "./process-directory.ts";

type Matcher = (process: ProcessDirectory) => boolean;

/**
 * The processes of the machine, but this one, of which something is true. Each is held while it is looked at, and only what
 * is found is asked when it started: on a node with a hundred pods most of the time would go into that.
 */
export function findProcesses(matches: Matcher): readonly ProcessId[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return [];
    using held = ProcessDirectory.open(Number(name));
    return held !== undefined && matches(held) ? (held.identify() ?? []) : [];
  });
}

function inNamespace(path: string): Matcher {
  const namespace = inode(path);
  return (held) => namespace !== undefined && held.namespace("net") === namespace;
}

/**
 * A file is known by itself, whatever mount a process opened it on: an agent's container is another one after each start. What is
 * in a directory is known by its path. In a mount namespace of its own a process may have a file of any path: it must be the one
 * that stands there for us.
 */
function logsTo(paths: readonly string[]): Matcher {
  const files = new Set(paths.map(inode));
  return (held) => {
    const output = held.openFile(1);
    if (output === undefined || files.has(output)) return output !== undefined;
    const name = held.link("fd/1");
    return paths.some((path) => name?.startsWith(`${path}/`)) && output === inode(name ?? "");
  };
}

/** Every process whose network namespace is the one at `path`, this process not counted. */
export const processesIn = (path: string): readonly ProcessId[] => findProcesses(inNamespace(path));

/**
 * Every process whose output goes to a file at a path, or below it. A process has that from its birth, before it enters the
 * namespace that it is to live in: the process that started it may have died before it could record it.
 */
export const processesLoggingTo = (path: string): readonly ProcessId[] => findProcesses(logsTo([path]));

/** Every process of a user. */
export const processesOfUser = (uid: number): readonly ProcessId[] => findProcesses((held) => held.uid === uid);

/** Every user that a process of the machine runs as, from one look at all of them. */
export function usersOfProcesses(): ReadonlySet<number> {
  const users = new Set<number>();
  findProcesses(({ uid }) => {
    if (uid !== undefined) users.add(uid);
    return false;
  });
  return users;
}

/** By what a process is a pod's. */
export interface PodTraces {
  /** Path of the pod's network namespace. */
  readonly netns?: string;
  /** Files that what runs for it prints to, or directories of such files. */
  readonly logs: readonly string[];
  /** A user that nothing else has. */
  readonly uid?: number;
}

/** Every process that has one of a pod's traces: the processes of the machine are looked at once for all of them. */
export function processesOfPod({ netns, logs, uid }: PodTraces): readonly ProcessId[] {
  const matchers = [...(netns === undefined ? [] : [inNamespace(netns)]), logsTo(logs)];
  return findProcesses((held) => matchers.some((matches) => matches(held)) || (uid !== undefined && held.uid === uid));
}

/**
 * Every process below some, whatever namespaces it made. What runs in a PID namespace descends from its first process: the
 * kernel makes that one the parent of all that lost theirs.
 */
export function descendantsOf(firsts: readonly ProcessId[]): readonly ProcessId[] {
  const parents = new Map<number, number>();
  const all = findProcesses((held) => {
    parents.set(held.pid, held.parent ?? 0);
    return true;
  });
  const below = new Set<number>();
  const roots = firsts.filter(isAlive);
  // A process that was seen before its parent is found by the next round.
  for (let size = -1; size < below.size; ) {
    size = below.size;
    for (const { pid } of all) {
      const parent = parents.get(pid);
      if (parent !== undefined && (below.has(parent) || roots.some((root) => root.pid === parent))) below.add(pid);
    }
  }
  const oldest = Math.min(...roots.map(({ startTime }) => startTime));
  return all.filter(({ pid, startTime }) => below.has(pid) && startTime >= oldest);
}

/**
 * Processes with a trace of a pod's that are neither recorded nor descend from what is: their netbind was killed after it
 * had started one and before it could record it. A server has its output from its birth, and its user a moment later, whom
 * nothing else may run as; a name says nothing, for a process gives itself any.
 */
export function orphansOf(traces: PodTraces, recorded: readonly ProcessId[]): readonly ProcessId[] {
  const known = new Set([...recorded, ...descendantsOf(recorded)].map(({ pid, startTime }) => `${pid} ${startTime}`));
  return processesOfPod(traces).filter(({ pid, startTime }) => !known.has(`${pid} ${startTime}`));
}
