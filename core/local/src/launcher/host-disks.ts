import { closeSync, fstatSync, lstatSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { defined, type Violation, violation } from "@netbind/contract";
import type { Vmi } from "@netbind/kubevirt";
import { derivedName, type Exec } from "@netbind/netns";
import { HeldDirectory } from "@netbind/remote/sidecar";
import { aclOf, grantAccess, isRestricted, permissionsOf, takeBackAccess } from "./file-acl.ts";
import type { VmUser } from "./vm-user.ts";
import {
  HostDiskError,
  invalidDiskPath,
  maskedDisk,
  missingDiskDirectory,
  notADisk,
  ownDisk,
  replacedDisk,
  unlistedDisk,
  unusableDisk,
  unusableVolume,
} from "../errors.ts";

/** Where disks of the machine's may be, as its administrator says. */
export interface HostDiskPolicy {
  /** Directories that were listed with `--host-disk`. */
  readonly directories: readonly string[];
  /** Netbind's own directories, which no VM gets anything of. */
  readonly own: readonly string[];
}

/** A disk of the machine's that was given to a VM: recorded before its access list is changed. */
export interface HostDiskRecord {
  /** Its volume's place in the VM. */
  readonly volume: number;
  /** The listed directory, and the way from there. */
  readonly directory: string;
  readonly components: readonly string[];
  /** What identifies the file in the kernel. */
  readonly inode: string;
  readonly block: boolean;
  /** What the VM's user was permitted before; absent: nothing by name. */
  readonly before?: string;
}

/** An open disk, as a launcher takes it. */
export interface HeldDisk extends Disposable {
  readonly descriptor: number;
  /** Where it was found. Another file may be there by now: what counts is the descriptor. */
  readonly path: string;
  /** Where the launcher shows it. */
  readonly target: string;
  readonly block: boolean;
  /** True for what nobody writes; absent: the VM's user does. */
  readonly readonly?: boolean;
}

/** Where the launcher sees a disk of the machine's, by its volume's place in the VM. */
export const hostDiskPath = (volume: number): string => `/disks/${derivedName("disk", volume, ".img")}`;

const inodeOf = (descriptor: number): string => {
  const { dev, ino } = fstatSync(descriptor, { bigint: true });
  return `${dev}:${ino}`;
};

/** The inodes of Netbind's own directories: they are recognized by whatever path they are reached. */
const inodesOf = (paths: readonly string[]): ReadonlySet<string> =>
  new Set(
    paths.flatMap((path) => {
      try {
        const { dev, ino } = lstatSync(realpathSync(path), { bigint: true });
        return [`${dev}:${ino}`];
      } catch {
        return [];
      }
    }),
  );

/**
 * Walks to a file without following a link; `see` receives each directory's inode. The descriptor is the caller's to
 * close.
 */
function openFile(
  directory: string,
  components: readonly string[],
  see: (inode: string) => void = () => undefined,
): number {
  using opened = new DisposableStack();
  let held = opened.use(HeldDirectory.open(directory, []));
  see(inodeOf(held.descriptor));
  for (const name of components.slice(0, -1)) {
    held = opened.use(held.directory(name));
    see(inodeOf(held.descriptor));
  }
  const descriptor = held.entry(components.at(-1) ?? ".");
  const stat = fstatSync(descriptor);
  if (stat.isFile() || stat.isBlockDevice()) return descriptor;
  closeSync(descriptor);
  throw notADisk(stat.isSymbolicLink());
}

/** The directories on the way from the root to a real path, itself included. */
const ancestors = (path: string): readonly string[] => (path === "/" ? ["/"] : [...ancestors(dirname(path)), path]);

/** The listed directory that a path is in, and the way from there. @throws HostDiskError */
export function findLocation(
  path: string,
  { directories }: HostDiskPolicy,
): Pick<HostDiskRecord, "directory" | "components"> {
  const parts = path.split("/").slice(1);
  if (!path.startsWith("/") || path.includes("\0") || parts.some((part) => ["", ".", ".."].includes(part)))
    throw invalidDiskPath();
  const listed = directories.find((directory) =>
    path.startsWith(directory.endsWith("/") ? directory : `${directory}/`),
  );
  if (listed === undefined) {
    const known = directories.join(", ") || "none is listed";
    throw unlistedDisk(known);
  }
  const components = path
    .slice(listed.length)
    .split("/")
    .filter((part) => part !== "");
  try {
    return { directory: realpathSync(listed), components };
  } catch {
    throw missingDiskDirectory(listed);
  }
}

/** Opens a disk that a VM names, where its administrator lets it. @throws HostDiskError */
function openListed(
  path: string,
  policy: HostDiskPolicy,
): Pick<HostDiskRecord, "directory" | "components"> & { readonly descriptor: number } {
  const place = findLocation(path, policy);
  const own = inodesOf(policy.own);
  const refuse = (inode: string): void => {
    if (own.has(inode)) throw ownDisk();
  };
  for (const inode of inodesOf(ancestors(place.directory))) refuse(inode);
  return { ...place, descriptor: openFile(place.directory, place.components, refuse) };
}

/** A volume that names a disk of the machine's. */
interface NamedDisk {
  /** Its place among the VM's volumes. */
  readonly volume: number;
  readonly path: string;
  readonly name: string;
}

/** The volumes of a VM that are disks of the machine's, with their place; one that no disk shows is left out. */
function hostDisksOf({ spec }: Vmi): readonly NamedDisk[] {
  const names = new Set((spec.domain.devices.disks ?? []).map(({ name }) => name));
  return (spec.volumes ?? []).flatMap(({ name, hostDisk }, volume) =>
    hostDisk === undefined || !names.has(name) ? [] : [{ volume, path: hostDisk.path, name }],
  );
}

/** Describes a disk as it is now; with what its user may do with it, where the user is known. @throws HostDiskError */
async function describe(
  { volume, path }: NamedDisk,
  { exec, policy, user }: { readonly exec: Exec; readonly policy: HostDiskPolicy; readonly user?: VmUser },
): Promise<HostDiskRecord> {
  const { descriptor, directory, components } = openListed(path, policy);
  try {
    const acl = await aclOf(exec, descriptor);
    if (isRestricted(acl)) throw maskedDisk();
    const before = user === undefined ? undefined : permissionsOf(acl, user.uid);
    const block = fstatSync(descriptor).isBlockDevice();
    return defined({ volume, directory, components, inode: inodeOf(descriptor), block, before });
  } finally {
    closeSync(descriptor);
  }
}

/** What is in the way of a VM's disks of the machine's, all at once. Changes nothing. */
export async function checkHostDisks(exec: Exec, vmi: Vmi, policy: HostDiskPolicy): Promise<readonly Violation[]> {
  const found: Violation[] = [];
  for (const disk of hostDisksOf(vmi)) {
    const { volume, path } = disk;
    try {
      await describe(disk, { exec, policy });
    } catch (error) {
      const fix = "name a regular file or a block device below a directory that --host-disk DIR lists";
      found.push(
        violation(`spec.volumes[${volume}].hostDisk.path`, `${JSON.stringify(path)}: ${(error as Error).message}`, fix),
      );
    }
  }
  return found;
}

/** A VM's disks of the machine's as they are now, to be recorded. @throws HostDiskError */
export async function findHostDisks(
  exec: Exec,
  vmi: Vmi,
  user: VmUser,
  policy: HostDiskPolicy,
): Promise<readonly HostDiskRecord[]> {
  const disks: HostDiskRecord[] = [];
  for (const disk of hostDisksOf(vmi)) {
    const { path, name } = disk;
    disks.push(
      await describe(disk, { exec, policy, user }).catch((error: Error) => {
        throw unusableVolume(name, path, error);
      }),
    );
  }
  return disks;
}

/** Holds a recorded disk. @throws HostDiskError where another file is in its place, or none */
export function holdHostDisk({ volume, directory, components, inode, block }: HostDiskRecord): HeldDisk {
  const path = join(directory, ...components);
  let descriptor: number;
  try {
    descriptor = openFile(directory, components);
  } catch (error) {
    throw unusableDisk(path, error as Error);
  }
  if (inodeOf(descriptor) === inode)
    return { descriptor, path, target: hostDiskPath(volume), block, [Symbol.dispose]: () => closeSync(descriptor) };
  closeSync(descriptor);
  throw replacedDisk(path);
}

/** Lets a VM's user read and write its recorded disks. @throws HostDiskError */
export async function grantHostDisks(exec: Exec, { uid }: VmUser, disks: readonly HostDiskRecord[]): Promise<void> {
  for (const disk of disks) {
    using held = holdHostDisk(disk);
    await grantAccess(exec, held.descriptor, uid).catch((error: Error) => {
      throw unusableDisk(join(disk.directory, ...disk.components), error);
    });
  }
}

/** Takes back what recorded disks were changed for a VM. One that is gone, or another file by now, has nothing of it. */
export async function takeBackHostDisks(exec: Exec, { uid }: VmUser, disks: readonly HostDiskRecord[]): Promise<void> {
  for (const disk of disks) {
    let held: HeldDisk;
    try {
      held = holdHostDisk(disk);
    } catch (error) {
      if (error instanceof HostDiskError) continue;
      throw error;
    }
    using _ = held;
    await takeBackAccess(exec, held.descriptor, uid, disk.before);
  }
}
