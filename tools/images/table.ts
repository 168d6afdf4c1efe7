/** The table of the images that were built: what a fallback by digest is looked up in. */
import type { PlatformImage } from "./oci.ts";

/** The table's file, in the directory of the images. */
export const TABLE_FILE = "images.json";

/** An image of a platform. */
export interface PlatformEntry {
  readonly digest: string;
  /** Compressed bytes of its layers, the lowest first. */
  readonly layers: readonly number[];
}

export interface ImageEntry {
  /** Its name below a registry's prefix, with its version. */
  readonly image: string;
  /** The digest of the index over its platforms: what a reference names. */
  readonly digest: string;
  readonly platforms: Readonly<Record<string, PlatformEntry>>;
}

/** Images by the name of their recipe: a plugin's is its binding's. */
export type ImageTable = Readonly<Record<string, ImageEntry>>;

/** A line of the table. */
export const tableEntry = (
  name: string,
  version: string,
  { digest, images }: { readonly digest: string; readonly images: readonly PlatformImage[] },
): ImageEntry => ({
  image: `netbind/${name}:${version}`,
  digest,
  platforms: Object.fromEntries(
    images.map(({ platform, digest: own, manifest }) => [
      platform,
      { digest: own, layers: manifest.layers.map(({ size }) => size) },
    ]),
  ),
});
