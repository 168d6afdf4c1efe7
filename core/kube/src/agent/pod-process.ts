import { readFileSync } from "node:fs";
import { findProcesses, HeldProcess, inode, type ProcessId } from "@netbind/netns";
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

const hasMount = (held: HeldProcess, { device, root }: MountSource): boolean =>
  parseMounts(held.read("mountinfo") ?? "").some((mount) => mount.device === device && mount.root === root);

/** True where a process is a user's, in the machine's own user namespace, and has this very directory mounted. */
export const isOf = (held: HeldProcess, source: MountSource, uid: number): boolean =>
  held.uid === uid && held.namespace("user") === inode("/proc/self/ns/user") && hasMount(held, source);

/**
 * Finds the process of a sidecar: the one that has the sidecar's directory mounted. That is the kernel's word, which nothing
 * in the pod can forge: a mount is made by whoever starts containers, and in a user namespace of one's own it does not count.
 *
 * @throws NotYetError where there is none, PodProcessError where there are some in different network namespaces
 */
export function findPodProcess(source: MountSource, uid: number): ProcessId {
  const found = findProcesses((held) => isOf(held, source, uid)).map((id) => {
    using held = HeldProcess.of(id);
    return { id, namespace: held?.namespace("net") };
  });
  const there = found.filter(({ namespace }) => namespace !== undefined);
  if (new Set(there.map(({ namespace }) => namespace)).size > 1)
    throw new PodProcessError("processes of the sidecar are in different network namespaces");
  const [first] = there;
  if (first === undefined) throw new NotYetError("no process of the sidecar runs");
  return first.id;
}
