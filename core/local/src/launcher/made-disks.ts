import { join } from "node:path";
import {
  derivedName,
  type Exec,
  makeDirectory,
  namesIn,
  removeTree,
  rename,
  shareFile,
  writeNew,
} from "@netbind/netns";
import type { Image } from "./image.ts";
import { imageCommand } from "./image-command.ts";
import type { VmUser } from "./vm-user.ts";

/** Where a launcher sees the disks that were made of text. */
export const MADE_DISKS = "/disks/made";

/** Where a pod's directory has them. They are root's: the VM's group may read them. */
export const madeDisksDirectory = (pod: string): string => join(pod, "disks");

/** The file of a disk that is made of text, by its volume's place in the VM. */
const isoName = (volume: number): string => derivedName("disk", volume, ".iso");
/** Where the launcher sees it. */
export const madeDiskPath = (volume: number): string => join(MADE_DISKS, isoName(volume));

/** A disk of files. */
export interface DiskContent {
  /** Its volume's place in the VM. */
  readonly volume: number;
  readonly label: string;
  /** By a name that was checked to be one of a file. */
  readonly files: Readonly<Record<string, string>>;
}

/** What disks are made with. */
export interface DiskLocation {
  readonly exec: Exec;
  readonly image: Image;
  readonly user: VmUser;
  /** The pod's directory. */
  readonly pod: string;
}

/** Puts files on an ISO 9660 disk, with the image's own tool. */
export async function makeDisk(
  { exec, image, user, pod }: DiskLocation,
  { volume, label, files }: DiskContent,
): Promise<void> {
  const workspace = join(pod, "iso");
  await removeTree(exec, workspace);
  const tree = join(workspace, "files");
  for (const directory of [workspace, tree]) makeDirectory(directory, 0o700);
  for (const [name, text] of Object.entries(files)) writeNew(join(tree, name), text, 0o644);
  const make = [
    "genisoimage",
    "-quiet",
    "-joliet",
    "-rock",
    "-volid",
    label,
    "-output",
    "/netbind/disk.iso",
    "/netbind/files",
  ];
  await exec(await imageCommand({ image, argv: make, shown: ["--bind", workspace, "/netbind"] }));
  const made = join(workspace, "disk.iso");
  shareFile(made, user.gid);
  rename(made, join(madeDisksDirectory(pod), isoName(volume)));
  await removeTree(exec, workspace);
}

/** Copies the disks that were made for a VM from one of its pods to the next. */
export async function copyDisks(exec: Exec, { gid }: VmUser, from: string, to: string): Promise<void> {
  const [source, target] = [madeDisksDirectory(from), madeDisksDirectory(to)];
  for (const name of namesIn(source)) {
    await exec(["cp", "--reflink=auto", "--", join(source, name), join(target, name)]);
    shareFile(join(target, name), gid);
  }
}
