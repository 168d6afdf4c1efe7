/** OCI layouts: umoci and skopeo write them, buildah makes their indexes. None of them needs a daemon. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { workDirectory } from "./cache.ts";
import { exec } from "./exec.ts";
import { ImageError } from "./image-error.ts";

/** An image in a layout on this machine. */
export interface ImageRef {
  readonly layout: string;
  readonly tag: string;
}

const spell = ({ layout, tag }: ImageRef): string => `${layout}:${tag}`;
const isoDate = (seconds: number): string => new Date(seconds * 1000).toISOString().replace(".000Z", "Z");

/** Makes an image of no layer in a layout that is not there yet. */
export async function newImage(image: ImageRef): Promise<void> {
  await exec(["umoci", "init", "--layout", image.layout]);
  await exec(["umoci", "new", "--image", spell(image)]);
}

/** Copies an image as it is, digests and all. */
export async function copyImage(from: ImageRef, to: ImageRef): Promise<void> {
  await exec(["skopeo", "--insecure-policy", "copy", "--quiet", `oci:${spell(from)}`, `oci:${spell(to)}`]);
}

/** Puts a layer on an image. */
export async function addLayer(image: ImageRef, layer: string, createdBy: string, sourceDate: number): Promise<void> {
  const history = [`--history.created=${isoDate(sourceDate)}`, `--history.created_by=${createdBy}`];
  await exec(["umoci", "raw", "add-layer", "--image", spell(image), ...history, layer]);
}

/** What an image says of itself. */
export interface ImageConfig {
  readonly architecture: string;
  readonly user?: string;
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Writes an image's configuration, dated as everything in it. */
export async function configure(image: ImageRef, config: ImageConfig, sourceDate: number): Promise<void> {
  const repeated = (flag: string, values: readonly string[] = []): readonly string[] =>
    values.map((value) => `--config.${flag}=${value}`);
  const pairs = (values: Readonly<Record<string, string>> = {}): readonly string[] =>
    Object.entries(values)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => `${name}=${value}`);
  await exec([
    ...["umoci", "config", "--image", spell(image), "--no-history", `--created=${isoDate(sourceDate)}`],
    ...["--os=linux", `--architecture=${config.architecture}`],
    ...(config.user === undefined ? [] : [`--config.user=${config.user}`]),
    ...repeated("entrypoint", config.entrypoint),
    ...repeated("cmd", config.cmd),
    ...repeated("env", pairs(config.env)),
    ...repeated("label", pairs(config.labels)),
  ]);
}

/** Copies images of one name into a layout, with an index over them. */
export async function writeIndex(images: readonly ImageRef[], to: ImageRef): Promise<void> {
  using store = workDirectory();
  const places = ["--root", join(store.path, "root"), "--runroot", join(store.path, "run"), "--storage-driver", "vfs"];
  const buildah = (...argv: readonly string[]): Promise<string> => exec(["buildah", ...places, ...argv]);
  await buildah("manifest", "create", "index");
  for (const image of images) await buildah("manifest", "add", "index", `oci:${spell(image)}`);
  await buildah("manifest", "push", "--quiet", "--all", "index", `oci:${spell(to)}`);
}

interface Descriptor {
  readonly digest: string;
  readonly size: number;
  readonly mediaType: string;
  readonly platform?: { readonly os: string; readonly architecture: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A manifest of a layout, with what it is made of. */
export interface Manifest {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** A platform's image in an index. */
export interface PlatformImage {
  /** As `linux/amd64`. */
  readonly platform: string;
  readonly digest: string;
  readonly manifest: Manifest;
}

const readBlob = (layout: string, digest: string): unknown =>
  JSON.parse(readFileSync(join(layout, "blobs", digest.replace(":", "/")), "utf8"));

/**
 * Reads an index by its name in a layout.
 *
 * @throws ImageError where the layout does not have it
 */
export function readIndex({ layout, tag }: ImageRef): {
  readonly digest: string;
  readonly images: readonly PlatformImage[];
} {
  const top = JSON.parse(readFileSync(join(layout, "index.json"), "utf8")) as {
    readonly manifests: readonly Descriptor[];
  };
  const found = top.manifests.find(({ annotations }) => annotations?.["org.opencontainers.image.ref.name"] === tag);
  if (found === undefined || !found.mediaType.includes("index"))
    throw new ImageError("INDEX_INVALID", `${layout} has no index named ${tag}`, [], `npm run images -- ${tag}`);
  const { manifests } = readBlob(layout, found.digest) as { readonly manifests: readonly Descriptor[] };
  const images = manifests.map(({ digest, platform }) => ({
    platform: `${platform?.os}/${platform?.architecture}`,
    digest,
    manifest: readBlob(layout, digest) as Manifest,
  }));
  return { digest: found.digest, images };
}
