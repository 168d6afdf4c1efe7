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

/** The values' file of the chart, beside the table. */
export const VALUES_FILE = "values.json";

/** What the chart takes of a table: `helm install -f values.json`. `names`: the images that it knows. */
export const chartValues = (table: ImageTable, names: readonly string[]): object => ({
  images: Object.fromEntries(
    Object.entries(table)
      .filter(([name]) => names.includes(name))
      .map(([name, { image, digest }]) => {
        const [repository, tag] = image.split(":");
        return [name, { repository, tag, digest }];
      }),
  ),
});

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
