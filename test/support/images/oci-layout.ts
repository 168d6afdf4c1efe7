/** OCI layouts whose layers are written entry by entry: what an image's author can do, not what a builder would. */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { pack, type Header } from "tar-stream";

/** One entry of a layer. */
export interface Entry extends Partial<Header> {
  readonly name: string;
  readonly content?: string | Buffer;
}

export type Compression = "none" | "gzip" | "zstd";

/** The tar of some entries, as they are. */
export async function tarOf(entries: readonly Entry[]): Promise<Buffer> {
  const tar = pack();
  for (const { content, ...header } of entries)
    tar.entry({ type: "file", mode: 0o644, mtime: new Date(0), ...header } as Header, content ?? "");
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const COMPRESS = { none: (bytes: Buffer) => bytes, gzip: gzipSync, zstd: zstdCompressSync } as const;

interface Blob {
  readonly digest: string;
  readonly size: number;
}

function writeBlob(layout: string, bytes: Buffer | string): Blob {
  const hex = createHash("sha256").update(bytes).digest("hex");
  writeFileSync(join(layout, "blobs/sha256", hex), bytes);
  return { digest: `sha256:${hex}`, size: Buffer.byteLength(bytes) };
}

/** An image to write. */
export interface LayoutImage {
  readonly layers: readonly Buffer[];
  readonly compression?: Compression;
  readonly architecture?: string;
  readonly os?: string;
  /** How its container starts, as OCI's configuration has it; absent: it starts nothing. */
  readonly config?: object;
  /** The platforms of an index over the image; absent: the image alone. */
  readonly index?: readonly string[];
}

/** Writes an image into a layout of its own, named `image`; gives the digest of what it names. */
export function writeLayout(
  layout: string,
  { layers, compression = "gzip", architecture = "amd64", os = "linux", config: start = {}, index }: LayoutImage,
): string {
  mkdirSync(join(layout, "blobs/sha256"), { recursive: true });
  writeFileSync(join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  const diffIds = layers.map((bytes) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`);
  const blobs = layers.map((bytes) => writeBlob(layout, COMPRESS[compression](bytes)));
  const config = { architecture, os, config: start, rootfs: { type: "layers", diff_ids: diffIds } };
  const suffix = compression === "none" ? "" : `+${compression}`;
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = {
    ...{ schemaVersion: 2, mediaType },
    config: { mediaType: "application/vnd.oci.image.config.v1+json", ...writeBlob(layout, JSON.stringify(config)) },
    layers: blobs.map((blob) => ({ mediaType: `application/vnd.oci.image.layer.v1.tar${suffix}`, ...blob })),
  };
  const annotations = { "org.opencontainers.image.ref.name": "image" };
  const own = { mediaType, ...writeBlob(layout, JSON.stringify(manifest)) };
  const listed = index?.map((platform) => ({ ...own, platform: { os: "linux", architecture: platform } }));
  const indexType = "application/vnd.oci.image.index.v1+json";
  const list = { schemaVersion: 2, mediaType: indexType, manifests: listed };
  const top = listed === undefined ? own : { mediaType: indexType, ...writeBlob(layout, JSON.stringify(list)) };
  writeFileSync(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [{ ...top, annotations }] }));
  return top.digest;
}
