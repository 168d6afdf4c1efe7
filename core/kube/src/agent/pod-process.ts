import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { identify, isAlive, type ProcessId } from "@netbind/netns";
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

const linkOf = (path: string): string | undefined => {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
};

function hasMount(pid: number, { device, root }: MountSource): boolean {
  try {
    return parseMounts(readFileSync(`/proc/${pid}/mountinfo`, "utf8")).some((mount) => mount.device === device && mount.root === root);
  } catch {
    return false;
  }
}

function userOf(pid: number): number | undefined {
  try {
    return statSync(`/proc/${pid}`).uid;
  } catch {
    return undefined;
  }
}

/** True where a process has this very directory mounted, and is in the machine's own user namespace. */
const isOf = (pid: number, source: MountSource): boolean =>
  hasMount(pid, source) && linkOf(`/proc/${pid}/ns/user`) === linkOf("/proc/self/ns/user");

/**
 * Finds the process of a sidecar: the one that has the sidecar's directory mounted. That is the kernel's word, which nothing
 * in the pod can forge: a mount is made by whoever starts containers, and in a user namespace of one's own it does not count.
 *
 * @throws NotYetError where there is none, PodProcessError where there are some in different network namespaces
 */
export function findPodProcess(source: MountSource, uid: number): ProcessId {
  const found = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => userOf(pid) === uid && isOf(pid, source));
  const namespaces = new Set(found.map((pid) => linkOf(`/proc/${pid}/ns/net`)));
  if (namespaces.size > 1) throw new PodProcessError("processes of the sidecar are in different network namespaces");
  const process = found.flatMap((pid) => identify(pid) ?? [])[0];
  if (process === undefined) throw new NotYetError("no process of the sidecar runs");
  return process;
}

/** True while this very process runs and still is the sidecar's. */
export const isStillOf = (process: ProcessId, source: MountSource): boolean => isAlive(process) && isOf(process.pid, source);
