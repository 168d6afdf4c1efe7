import { readdirSync } from "node:fs";
import { isAlive } from "./held-process.ts";
import { inode, isDirectory, linkText, namespaceAt, ownerOf } from "./inode.ts";
import { once } from "./once.ts";
import { ProcessDirectory, type ProcessId } from "./process-directory.ts";

/** The numbers of the machine's processes, but this one's. */
const numbers = (): readonly number[] =>
  readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) && Number(name) !== process.pid ? [Number(name)] : []));

/** By what a process is a pod's. */
export interface PodTraces {
  /** Path of the pod's network namespace. */
  readonly netns?: string;
  /** Files that what runs for it prints to, or directories of such files. */
  readonly logs: readonly string[];
  /** A user that nothing else has. */
  readonly uid?: number;
  /** Users of others alone: what runs as one of them is not looked at any closer. */
  readonly isOthers?: (uid: number) => boolean;
}

/** What a process shows of itself in its directory: each is read once, however many pods ask, and only where one does. */
const shownIn = (directory: string) => ({
  owner: once(() => ownerOf(directory)),
  namespace: once(() => linkText(`${directory}/ns/net`)),
  outputName: once(() => linkText(`${directory}/fd/1`) ?? ""),
  output: once(() => inode(`${directory}/fd/1`)),
});

type Matcher = (process: ReturnType<typeof shownIn>) => boolean;

/**
 * A file is known by itself, whatever mount a process opened it on: an agent's container is another one after each start. What is
 * in a directory is known by its path. In a mount namespace of its own a process may have a file of any path: it must be the one
 * that stands there for us. Its path is looked at first: hardly any process has one of these, and the file takes as long again.
 */
function logsTo(paths: readonly string[]): Matcher {
  const directories = paths.filter(isDirectory).map((path) => `${path}/`);
  const files = new Set(paths.filter((path) => !isDirectory(path)).flatMap((path) => inode(path) ?? []));
  return ({ output, outputName }) => {
    if (files.size > 0 && files.has(output() ?? "")) return true;
    if (!directories.some((directory) => outputName().startsWith(directory))) return false;
    const file = output();
    return file !== undefined && file === inode(outputName());
  };
}

function hasTrace({ netns, logs, uid: user, isOthers }: PodTraces): Matcher {
  const own = netns === undefined ? undefined : namespaceAt(netns, "net");
  const prints = logsTo(logs);
  const isOther = ({ owner }: Parameters<Matcher>[0]): boolean => isOthers?.(owner() ?? 0) === true;
  return (process) =>
    (user !== undefined && process.owner() === user) ||
    (!isOther(process) && ((own !== undefined && process.namespace() === own) || prints(process)));
}

/**
 * Of each pod every process that has one of its traces: the processes of the machine are looked at once for all pods. On a node
 * with a hundred pods hardly any process is what is looked for: one is held where its number's seems to be, and asked again.
 */
export function processesOfPods(pods: readonly PodTraces[]): readonly (readonly ProcessId[])[] {
  const found = pods.map((traces) => ({ matches: hasTrace(traces), processes: [] as ProcessId[] }));
  for (const pid of numbers()) {
    const seen = shownIn(`/proc/${pid}`);
    if (!found.some(({ matches }) => matches(seen))) continue;
    using held = ProcessDirectory.open(pid);
    if (held === undefined) continue;
    const shown = shownIn(held.path);
    const owners = found.filter(({ matches }) => matches(shown));
    const id = owners.length > 0 ? held.identify() : undefined;
    if (id !== undefined) for (const { processes } of owners) processes.push(id);
  }
  return found.map(({ processes }) => processes);
}

/** The same for one pod. */
export const processesOfPod = (traces: PodTraces): readonly ProcessId[] => processesOfPods([traces]).flat();

/** Every process whose network namespace is the one at `path`, this process not counted. */
export const processesIn = (path: string): readonly ProcessId[] => processesOfPod({ netns: path, logs: [] });

/**
 * Every process whose output goes to a file at a path, or below it. A process has that from its birth, before it enters the
 * namespace that it is to live in: the process that started it may have died before it could record it.
 */
export const processesLoggingTo = (path: string): readonly ProcessId[] => processesOfPod({ logs: [path] });

/** Every process of a user. */
export const processesOfUser = (uid: number): readonly ProcessId[] => processesOfPod({ uid, logs: [] });

/** Every user that a process of the machine runs as, from one look at all of them. */
export const usersOfProcesses = (): ReadonlySet<number> =>
  new Set(numbers().flatMap((pid) => ownerOf(`/proc/${pid}`) ?? []));

/**
 * Every process below some, whatever namespaces it made. What runs in a PID namespace descends from its first process: the
 * kernel makes that one the parent of all that lost theirs.
 */
export function descendantsOf(firsts: readonly ProcessId[]): readonly ProcessId[] {
  const parents = new Map<number, number>();
  const all = numbers().flatMap((pid) => {
    using held = ProcessDirectory.open(pid);
    if (held === undefined) return [];
    parents.set(pid, held.parent ?? 0);
    return held.identify() ?? [];
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
