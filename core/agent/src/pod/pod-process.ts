import { readdirSync, readFileSync } from "node:fs";
import { inode, ProcessDirectory, type ProcessId } from "@netbind/netns";
import { type PodMembership, podMembership } from "@netbind/pod";
import { noSidecarProcess, severalNamespaces } from "../errors.ts";
import { inBatches } from "../in-batches.ts";

/** A directory as the kernel names it in every mount of it (proc_pid_mountinfo(5)). */
export interface MountSource {
  /** `major:minor` of its file system. */
  readonly device: string;
  /** Its path in that file system. */
  readonly root: string;
}

/** The kernel writes space, tab, newline and backslash as octal digits. */
const decodeOctal = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

/** A mount: what, and where. */
function parseMounts(mountinfo: string): readonly MountPoint[] {
  return mountinfo.split("\n").flatMap((line) => {
    const [, , device, root, target] = line.split(" ");
    return device === undefined || root === undefined || target === undefined
      ? []
      : [{ device, root: decodeOctal(root), target: decodeOctal(target) }];
  });
}

/** How the kernel names a directory of this process' file system. `path` has no links in it. */
export function mountSource(
  path: string,
  mountinfo: string = readFileSync("/proc/self/mountinfo", "utf8"),
): MountSource {
  const above = parseMounts(mountinfo).filter(
    ({ target }) => target === "/" || path === target || path.startsWith(`${target}/`),
  );
  // The last of the longest: a later mount on the same place hides the one before.
  const mount = above.reduce(
    (best, one) => (one.target.length >= best.target.length ? one : best),
    above[0] ?? { device: "", root: "/", target: "/" },
  );
  const below = path.slice(mount.target === "/" ? 0 : mount.target.length);
  return { device: mount.device, root: `${mount.root === "/" ? "" : mount.root}${below}` };
}

/** The most of a mount table that is read: a container has some hundred mounts, and each is a line. */
const LONGEST_TABLE = 1024 * 1024;
/** How many processes are looked at before other work has its turn. */
const AT_A_TIME = 50;

type MountPoint = MountSource & { readonly target: string };

function mountsOf(held: ProcessDirectory): readonly MountPoint[] {
  const table = held.read("mountinfo", LONGEST_TABLE) ?? "";
  // A line that was cut names another directory.
  return parseMounts(table.slice(0, table.lastIndexOf("\n") + 1));
}

const isMounted = (mounts: readonly MountPoint[], { device, root }: MountSource): boolean =>
  mounts.some((mount) => mount.device === device && mount.root === root);

/** What identifies the processes of a pod's container. */
export interface PodTraits {
  /** What the container has mounted. */
  readonly source: MountSource;
  /** The user that it runs as. */
  readonly uid: number;
  /** The pod's UID in the cluster. */
  readonly podUid: string;
}

/** Whose control group a process is in; another's where it has ended, for nothing is known of it. */
const membershipOf = (held: ProcessDirectory, podUid: string): PodMembership => {
  const cgroups = held.read("cgroup");
  return cgroups === undefined ? "another" : podMembership(cgroups, podUid);
};

/** True where a process is a user's, in the machine's own user namespace: cheap to see, and nothing that it could make up. */
const isCandidate = (held: ProcessDirectory, uid: number): boolean =>
  held.uid === uid && held.namespace("user") === inode("/proc/self/ns/user");

/** True where a process is a user's, in the machine's own user namespace and in no other pod's group, and has this very directory mounted. */
export const isOf = (held: ProcessDirectory, { source, uid, podUid }: PodTraits): boolean =>
  isCandidate(held, uid) && membershipOf(held, podUid) !== "another" && isMounted(mountsOf(held), source);

/** A process of a sidecar, the network namespace that it is in, and what its control group shows. */
interface Found {
  readonly id: ProcessId;
  readonly namespace: string;
  readonly membership: PodMembership;
}

/** The pods, by their place, that a process is of. A mount table is read once for all processes that share it. */
function matches(
  held: ProcessDirectory,
  asked: readonly PodTraits[],
  tables: Map<string, readonly MountPoint[]>,
): readonly (readonly [at: number, found: Found])[] {
  // Each of its files is read once, however many pods ask.
  const users = new Map([...new Set(asked.map(({ uid }) => uid))].map((uid) => [uid, isCandidate(held, uid)]));
  const cgroups = [...users.values()].includes(true) ? held.read("cgroup") : undefined;
  if (cgroups === undefined) return [];
  const own = asked.flatMap((traits, at) => {
    const membership = users.get(traits.uid) === true ? podMembership(cgroups, traits.podUid) : "another";
    return membership === "another" ? [] : [{ at, traits, membership }];
  });
  if (own.length === 0) return [];
  const table = held.link("ns/mnt") ?? "";
  const mounts = tables.get(table) ?? mountsOf(held);
  tables.set(table, mounts);
  const mounting = own.filter(({ traits }) => isMounted(mounts, traits.source));
  if (mounting.length === 0) return [];
  const [namespace, id] = [held.namespace("net"), held.identify()];
  return namespace === undefined || id === undefined
    ? []
    : mounting.map(({ at, membership }) => [at, { id, namespace, membership }] as const);
}

/** Of each pod every process that has its directory mounted and is in no other pod's group: one look at the node for all. */
async function findAll(asked: readonly PodTraits[]): Promise<readonly (readonly Found[])[]> {
  const found = asked.map((): Found[] => []);
  const tables = new Map<string, readonly MountPoint[]>();
  let looked = 0;
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    if (++looked % AT_A_TIME === 0) await new Promise((resolve) => setImmediate(resolve));
    using held = ProcessDirectory.open(Number(name));
    if (held === undefined) continue;
    for (const [at, one] of matches(held, asked, tables)) found[at]?.push(one);
  }
  return found;
}

/** A hundred pods that come at once would each look at what all of them have: the agent would answer nothing for minutes. */
const findMounting = inBatches(findAll);

/**
 * Of processes, those in the pod's control group. Where no group carries any pod's UID, this cannot be asked and is
 * left out: a runtime may keep containers in groups of other names or in none, as on one machine without a kubelet, and
 * the mount alone decides then. Where the pod's own group is there, a process outside every pod's group is one that
 * looked into the pod.
 */
function inPodGroup(found: readonly Found[]): readonly Found[] {
  const own = found.filter(({ membership }) => membership === "own");
  return own.length > 0 ? own : found;
}

/**
 * Finds the process of a sidecar: the one that has the sidecar's directory mounted, in its pod's control group. That is
 * the kernel's word, which nothing in the pod can forge: a mount is made by the container runtime, and in a user
 * namespace of one's own it does not count.
 *
 * @throws NotReadyError where there is none, PodProcessError where there are some in different network namespaces
 */
export async function findPodProcess(traits: PodTraits): Promise<ProcessId> {
  const found = inPodGroup(await findMounting(traits));
  if (new Set(found.map(({ namespace }) => namespace)).size > 1) throw severalNamespaces();
  const [first] = found;
  if (first === undefined) throw noSidecarProcess();
  return first.id;
}
