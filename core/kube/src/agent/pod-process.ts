import { readdirSync, readFileSync } from "node:fs";
import { HeldProcess, inode, type ProcessId } from "@netbind/netns";
import { NotYetError } from "./not-yet.ts";

/** A directory as the kernel names it in every mount of it (proc_pid_mountinfo(5)). */
export interface MountSource {
  /** `major:minor` of its file system. */
  readonly device: string;
  /** Its path in that file system. */
  readonly root: string;
}

/** A pod's process cannot be told for sure. */
export class PodProcessError extends Error {
  override readonly name = "PodProcessError";
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
export function mountSource(path: string, mountinfo: string = readFileSync("/proc/self/mountinfo", "utf8")): MountSource {
  const above = parseMounts(mountinfo).filter(({ target }) => target === "/" || path === target || path.startsWith(`${target}/`));
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
  return parseMounts(table.slice(0, table.lastIndexOf("\n") + 1)).some((mount) => mount.device === device && mount.root === root);
}

/** True where a process is a user's, in the machine's own user namespace: cheap to see, and nothing that it could make up. */
const isCandidate = (held: HeldProcess, uid: number): boolean => held.uid === uid && held.namespace("user") === inode("/proc/self/ns/user");

/** True where a process is a user's, in the machine's own user namespace, and has this very directory mounted. */
export const isOf = (held: HeldProcess, source: MountSource, uid: number): boolean => isCandidate(held, uid) && hasMount(held, source);

/** A process of a sidecar, and the network namespace that it is in. */
interface Found {
  readonly id: ProcessId;
  readonly namespace: string;
}

/** Every process that has a directory mounted. A mount table is read once for all processes that share it. */
async function findMounting(source: MountSource, uid: number): Promise<readonly Found[]> {
  const found: Found[] = [];
  const tables = new Map<string, boolean>();
  let looked = 0;
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    if (++looked % AT_A_TIME === 0) await new Promise((resolve) => setImmediate(resolve));
    using held = HeldProcess.open(Number(name));
    if (held === undefined || !isCandidate(held, uid)) continue;
    const table = held.link("ns/mnt") ?? "";
    const mounts = tables.get(table) ?? hasMount(held, source);
    tables.set(table, mounts);
    const namespace = mounts ? held.namespace("net") : undefined;
    if (namespace !== undefined) found.push({ id: held.id, namespace });
  }
  return found;
}

/**
 * Finds the process of a sidecar: the one that has the sidecar's directory mounted. That is the kernel's word, which nothing
 * in the pod can forge: a mount is made by whoever starts containers, and in a user namespace of one's own it does not count.
 *
 * @throws NotYetError where there is none, PodProcessError where there are some in different network namespaces
 */
export async function findPodProcess(source: MountSource, uid: number): Promise<ProcessId> {
  const found = await findMounting(source, uid);
  if (new Set(found.map(({ namespace }) => namespace)).size > 1)
    throw new PodProcessError("processes of the sidecar are in different network namespaces");
  const [first] = found;
  if (first === undefined) throw new NotYetError("no process of the sidecar runs");
  return first.id;
}
