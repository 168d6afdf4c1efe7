import { readdirSync, readFileSync } from "node:fs";
import { HeldProcess, inode, type ProcessId } from "@netbind/netns";
import { type PodMembership, podMembership } from "@netbind/pod";
import { noSidecarProcess, severalNamespaces } from "../errors.ts";

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
function parseMounts(mountinfo: string): readonly (MountSource & { readonly target: string })[] {
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

function hasMount(held: HeldProcess, { device, root }: MountSource): boolean {
  const table = held.read("mountinfo", LONGEST_TABLE) ?? "";
  // A line that was cut names another directory.
  return parseMounts(table.slice(0, table.lastIndexOf("\n") + 1)).some(
    (mount) => mount.device === device && mount.root === root,
  );
}

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
const membershipOf = (held: HeldProcess, podUid: string): PodMembership => {
  const cgroups = held.read("cgroup");
  return cgroups === undefined ? "another" : podMembership(cgroups, podUid);
};

/** True where a process is a user's, in the machine's own user namespace: cheap to see, and nothing that it could make up. */
const isCandidate = (held: HeldProcess, uid: number): boolean =>
  held.uid === uid && held.namespace("user") === inode("/proc/self/ns/user");

/** True where a process is a user's, in the machine's own user namespace and in no other pod's group, and has this very directory mounted. */
export const isOf = (held: HeldProcess, { source, uid, podUid }: PodTraits): boolean =>
  isCandidate(held, uid) && membershipOf(held, podUid) !== "another" && hasMount(held, source);

/** A process of a sidecar, the network namespace that it is in, and what its control group shows. */
interface Found {
  readonly id: ProcessId;
  readonly namespace: string;
  readonly membership: PodMembership;
}

/** Every process that has a directory mounted and is in no other pod's group. A mount table is read once for all that share it. */
async function findMounting({ source, uid, podUid }: PodTraits): Promise<readonly Found[]> {
  const found: Found[] = [];
  const tables = new Map<string, boolean>();
  let looked = 0;
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    if (++looked % AT_A_TIME === 0) await new Promise((resolve) => setImmediate(resolve));
    using held = HeldProcess.open(Number(name));
    if (held === undefined || !isCandidate(held, uid)) continue;
    const membership = membershipOf(held, podUid);
    if (membership === "another") continue;
    const table = held.link("ns/mnt") ?? "";
    const mounts = tables.get(table) ?? hasMount(held, source);
    tables.set(table, mounts);
    const namespace = mounts ? held.namespace("net") : undefined;
    if (namespace !== undefined) found.push({ id: held.id, namespace, membership });
  }
  return found;
}

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
