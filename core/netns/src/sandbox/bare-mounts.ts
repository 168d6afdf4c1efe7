import { join } from "node:path";
import type { Exec } from "../exec/exec.ts";
import { namespaceAt } from "../exec/inode.ts";
import { isMountPoint, makeDirectory } from "../files/root-files.ts";

/**
 * A mount namespace with the machine's root, /usr, /dev and a /proc of its own, and none of the mounts that come and go with pods.
 * Bubblewrap reads all mounts for each thing that it shows: beside 100 pods, which have two each, a server starts in half the
 * time here. It holds nothing that an administrator may want to unmount.
 */
const NAMESPACE = "namespace";

/**
 * The file of a namespace can be kept on a private mount alone, and among mounts whose namespace has a lower number. Newer kernels
 * number namespaces on each processor by itself, so in a container one processor after the other is tried. It gets its name once
 * the namespace has all that it is to have: until then it still has the machine's mounts.
 */
const TRIES = 12;
const MAKE = `set -e
mkdir -p "$0/root"
: > "$0/new"
: > "$0/${NAMESPACE}"
tries=${TRIES}
until said=$(taskset --cpu-list $((tries % $(nproc --all))) unshare --mount="$0/new" --propagation private sh -c "$1" "$0/root" 2>&1); do
  umount "$0/new" 2> /dev/null || true
  tries=$((tries - 1))
  [ $tries -gt 0 ] || { echo "$said" >&2; exit 1; }
done
mount --move "$0/new" "$0/${NAMESPACE}"`;
const MOUNT = `mount -t tmpfs -o size=64k,mode=0700,nosuid,nodev,noexec tmpfs "$0"
mount --make-private "$0"`;
const INSIDE = `set -e
mount --bind / "$0"
mount --rbind /usr "$0/usr"
mount --bind /dev "$0/dev"
mount -t proc -o nosuid,nodev,noexec proc "$0/proc"
cd "$0"
pivot_root . .
umount --lazy .`;

/** The namespace of a directory; undefined where none is made. */
export function bareMountsIn(directory: string): string | undefined {
  const path = join(directory, NAMESPACE);
  return namespaceAt(path, "mnt") === undefined ? undefined : path;
}

/**
 * Makes it in a directory of root's, where it is not made. A machine that lets none be made, as one whose root cannot be
 * changed, has servers start as slowly as they do beside all mounts.
 */
export async function makeBareMounts(exec: Exec, directory: string): Promise<void> {
  if (bareMountsIn(directory) !== undefined) return;
  makeDirectory(directory, 0o700);
  try {
    // What an interrupted start left there has the machine's mounts.
    await removeBareMounts(exec, directory);
    await exec(["sh", "-c", `${MOUNT}\n${MAKE}`, directory, INSIDE]);
  } catch {
    await removeBareMounts(exec, directory);
  }
}

/** Removes it, and what a start that was interrupted left of it. */
export async function removeBareMounts(exec: Exec, directory: string): Promise<void> {
  while (isMountPoint(directory)) await exec(["umount", "--lazy", "--", directory]);
}
