import { join } from "node:path";
import { isText, listOf, shape } from "@netbind/contract/shape";
import { exists } from "@netbind/netns";
import { noCommand } from "./errors.ts";
import { ensureImage, type ImageCache, type ImageRequest } from "./image-cache.ts";
import type { CachedImage, ImageKind } from "./image-entries.ts";
import { CONTAINER_LIMITS, ROOTFS, unpackImage } from "./unpack-image.ts";

/** How an image's container is started, as the image says. */
export interface ImageCommand {
  readonly args: readonly string[];
  /** NAME=VALUE */
  readonly env: readonly string[];
  readonly cwd: string;
}

/** A sidecar's image of the cache: an unpacked root, which VMs read and nobody writes. */
export type CachedSidecarImage = CachedImage<ImageCommand>;

/** Where a container has something of its own, from its root. */
export const CONTAINER_MOUNTS = { proc: "/proc", dev: "/dev", tmp: "/tmp", hooks: "/var/run/kubevirt-hooks" } as const;

interface ImageConfiguration {
  readonly config?: Readonly<Partial<Record<"Entrypoint" | "Cmd" | "Env" | "WorkingDir", unknown>>> | null;
}

const isTexts = listOf(isText);
const textsOf = (value: unknown): readonly string[] => (isTexts(value) ? (value as readonly string[]) : []);

/** The image's own command, which is the one that KubeVirt starts. @throws ImageError */
function commandOf(image: string, text: string): ImageCommand {
  const config = (JSON.parse(text) as ImageConfiguration).config ?? {};
  const args = [...textsOf(config.Entrypoint), ...textsOf(config.Cmd)];
  if (args.length === 0) throw noCommand(image);
  const { WorkingDir: directory } = config;
  const cwd = isText(directory) && String(directory).startsWith("/") ? String(directory) : "/";
  return { args, env: textsOf(config.Env), cwd };
}

/** Images of sidecars: of each its root file system, and its command. */
export const SIDECAR_IMAGES: ImageKind<ImageCommand> = {
  directory: "sidecar-images",
  prefix: "sidecar",
  what: "sidecar image",
  limit: CONTAINER_LIMITS.bytes,
  isFacts: shape({ args: isTexts, env: isTexts, cwd: isText }),
  isWhole: (directory) => exists(join(directory, ROOTFS, ".")),
  make: async (image, _, context) => {
    const command = commandOf(image.text, image.config);
    // A cluster's runtimes make a working directory that is not there; this root is made for all containers at once.
    await unpackImage(image, context, { mounts: [...Object.values(CONTAINER_MOUNTS), command.cwd] });
    return command;
  },
};

export const sidecarRoot = (cache: string, base: string): string => join(cache, SIDECAR_IMAGES.directory, base, ROOTFS);

/** A sidecar's image, unpacked once for each digest. @throws ImageError */
export const ensureSidecarImage = (cache: ImageCache, request: ImageRequest): Promise<CachedSidecarImage> =>
  ensureImage(cache, SIDECAR_IMAGES, request);
