/** What tests of container disks have in common: images of one disk, in a registry or in files, and what is fetched of them. */
import { readFileSync } from "node:fs";
import { exec } from "@netbind/netns";
import { beforeEach } from "vitest";
import {
  cachedDiskPath,
  type CachedDisk,
  ensureContainerDisk,
} from "../../../core/local/src/images/container-disk-cache.ts";
import { readImageSource } from "../../../core/local/src/images/image-source.ts";
import { type ImageLab, useImageLab } from "./image-lab.ts";
import type { Entry, LayoutImage } from "./oci-layout.ts";

export const DISK: Buffer = Buffer.alloc(70_000, "disk of a test ");
/** The disk where an image has it. */
export const DISK_FILE: Entry = { name: "disk/disk.img", content: DISK };

interface Wanted {
  readonly path?: string;
  readonly pullPolicy?: string;
  readonly signal?: AbortSignal;
  /** The cache. */
  readonly into?: string;
}

export interface DiskLab {
  readonly lab: () => ImageLab;
  /** What is said while disks are fetched, in one test. */
  readonly progress: string[];
  readonly fetch: (image: string, wanted?: Wanted) => Promise<CachedDisk>;
  readonly contentOf: (disk: CachedDisk) => Buffer;
  /** Pushes an image of layers to the lab's registry, under a name. Gives its digest. */
  readonly pushed: (
    name: string,
    layers: readonly (readonly Entry[])[],
    more?: Omit<LayoutImage, "layers">,
  ) => Promise<string>;
}

/** Gives a file's tests their lab. */
export function useDiskLab(): DiskLab {
  const lab = useImageLab("container-disks");
  const progress: string[] = [];
  beforeEach(() => {
    progress.length = 0;
  });
  return {
    lab,
    progress,
    fetch: (image, { into = lab().cache, signal = new AbortController().signal, ...wanted } = {}) =>
      ensureContainerDisk(
        { exec, cache: into, progress: (line) => progress.push(line), signal },
        { source: readImageSource(image, { directories: [lab().directory], own: [] }), ...wanted },
      ),
    contentOf: ({ base }) => readFileSync(cachedDiskPath(lab().cache, base)),
    pushed: async (name, layers, more = {}) => {
      const { layout, digest } = await lab().write(layers, more);
      await lab().registry.push(layout, "image", name);
      return digest;
    },
  };
}
