import { chmodSync, statSync } from "node:fs";
import { join } from "node:path";
import { defined } from "@netbind/contract";
import { isNumber, shape } from "@netbind/contract/shape";
import { type DiskFacts, inspectDisk } from "./disk-image.ts";
import { writeDisk } from "./find-disk.ts";
import { ensureImage, type ImageCache, type ImageRequest } from "./image-cache.ts";
import type { CachedImage, ImageKind } from "./image-entries.ts";
import { UNPACKED_LIMIT } from "./layer-entries.ts";

/** A disk of the cache, which VMs read and nobody writes. */
export type CachedDisk = CachedImage<DiskFacts>;

const DISK = "disk";
/** What the size of a disk is a multiple of, as its guest sees it. */
const SECTOR = 512;

/** A raw disk has the size that it had; of any other, that it is there is all that is seen without reading it. */
function isWhole(directory: string, { format, virtualSize }: DiskFacts): boolean {
  const found = statSync(join(directory, DISK), { throwIfNoEntry: false });
  if (found?.isFile() !== true) return false;
  return format === "raw" ? Math.ceil(found.size / SECTOR) * SECTOR === virtualSize : found.size > 0;
}

/** Container disks: of each image its one disk. */
export const CONTAINER_DISKS: ImageKind<DiskFacts> = {
  directory: "container-disks",
  prefix: "disk",
  what: "container disk",
  limit: UNPACKED_LIMIT,
  isFacts: shape({ format: (format) => format === "raw" || format === "qcow2", virtualSize: isNumber }),
  isWhole,
  make: async ({ text, layers, path }, building, { exec, signal }) => {
    const disk = join(building, DISK);
    await writeDisk({ layers, signal, ...defined({ path }) }, disk);
    const facts = await inspectDisk(exec, text, disk);
    chmodSync(disk, 0o444);
    return facts;
  },
};

export const cachedDiskPath = (cache: string, base: string): string =>
  join(cache, CONTAINER_DISKS.directory, base, DISK);

/** The disk of an image, at the volume's `path` where it names one. @throws ImageError */
export const ensureContainerDisk = (cache: ImageCache, request: ImageRequest): Promise<CachedDisk> =>
  ensureImage(cache, CONTAINER_DISKS, request);
