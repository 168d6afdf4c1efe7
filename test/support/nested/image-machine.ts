/** A nested machine with the files of an image on a disk, as a node has them. */
import { join } from "node:path";
import { exec } from "@netbind/netns";
import type { UnpackedImage } from "../kube/built-images.ts";
import { NestedMachine } from "./nested-machine.ts";

/** More than any image's files take; the file is sparse. */
const DISK_SIZE = "1G";
const LAYER = "/tmp/layer";

/** Where the image's files are on the machine, under a layer, as a container runtime puts one over them. */
export const IMAGE_ROOT = `${LAYER}/root`;

/**
 * Starts one. `directory`: for the disk's file. What a control group's memory has no room for is read again: from a disk,
 * since over a directory that two machines share each time would take many times as long.
 */
export async function startWithImage({ rootfs }: UnpackedImage, directory: string): Promise<NestedMachine> {
  const disk = join(directory, "image.ext4");
  await exec(["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", rootfs, disk, DISK_SIZE]);
  const machine = await NestedMachine.start([disk]);
  try {
    await machine.sh(`modprobe -a virtio_blk ext4
      mkdir -p ${LAYER}/lower ${LAYER}/upper ${LAYER}/work ${IMAGE_ROOT}
      mount -o ro /dev/vda ${LAYER}/lower
      cd ${LAYER} && mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay ${IMAGE_ROOT}`);
    return machine;
  } catch (error) {
    await machine[Symbol.asyncDispose]();
    throw error;
  }
}
