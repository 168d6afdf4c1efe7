import { createHash } from "node:crypto";
import { closeSync, createReadStream, openSync, readSync } from "node:fs";
import { promises as streams, Transform } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { extract, type Header } from "tar-stream";
import { scaled } from "@netbind/netns";
import { badImage, changedBlob } from "./errors.ts";

/** A layer of an image, as a file. */
export interface LayerFile {
  /** The image, for errors. */
  readonly image: string;
  readonly path: string;
  readonly digest: string;
}

/** An entry of a layer: its name is what the layer says, and no path of this machine's. */
export type LayerEntry = Pick<Header, "name" | "type" | "size"> & {
  /** What a PAX header says of it. */
  readonly pax?: unknown;
};

/** Bytes of an image, when it is unpacked: far more than a disk to boot from has, far less than fills a machine at once. */
export const UNPACKED_LIMIT: number = scaled(64 * 1024 ** 3);
const ENTRY_LIMIT = scaled(500_000);

/** What all layers of an image may have together, when they are unpacked. */
export interface UnpackLimits {
  readonly bytes: number;
  readonly entries: number;
}

/** What an image whose one disk is taken may have. */
export const DISK_LIMITS: UnpackLimits = { bytes: UNPACKED_LIMIT, entries: ENTRY_LIMIT };

/** Counts what the layers of one image have, and says no where that is more than they may, or where the caller waits no longer. */
export class UnpackBudget {
  readonly #image: string;
  readonly #limits: UnpackLimits;
  readonly #signal: AbortSignal | undefined;
  #bytes = 0;
  #entries = 0;

  constructor(image: string, limits: UnpackLimits = DISK_LIMITS, signal?: AbortSignal) {
    this.#image = image;
    this.#limits = limits;
    this.#signal = signal;
  }

  throwIfGivenUp(): void {
    this.#signal?.throwIfAborted();
  }

  /** @throws ImageError */
  addBytes(bytes: number): void {
    this.throwIfGivenUp();
    this.#bytes += bytes;
    if (this.#bytes > this.#limits.bytes)
      throw badImage(this.#image, `unpacked, its layers have more than ${this.#limits.bytes} bytes`);
  }

  /** @throws ImageError */
  addEntry(): void {
    if (++this.#entries > this.#limits.entries)
      throw badImage(this.#image, `its layers have more than ${this.#limits.entries} files`);
  }
}

const [GZIP, ZSTD] = [Buffer.from([0x1f, 0x8b]), Buffer.from([0x28, 0xb5, 0x2f, 0xfd])];

/** How a layer is compressed, by its first bytes: what a manifest says of it is not needed. */
function decompression(path: string): readonly Transform[] {
  const buffer = Buffer.alloc(4);
  const descriptor = openSync(path, "r");
  try {
    readSync(descriptor, buffer, 0, 4, 0);
  } finally {
    closeSync(descriptor);
  }
  if (buffer.subarray(0, 2).equals(GZIP)) return [createGunzip()];
  return buffer.equals(ZSTD) ? [createZstdDecompress()] : [];
}

/** Passes on what comes, and sees each piece. */
const observed = (see: (chunk: Buffer) => void): Transform =>
  new Transform({
    transform(chunk: Buffer, _, done) {
      try {
        see(chunk);
        done(null, chunk);
      } catch (error) {
        done(error as Error);
      }
    },
  });

/**
 * Reads a layer's tar as a stream, each entry once and in order. Nothing is unpacked: `take` gets an entry's bytes, and what
 * it does not read is skipped.
 *
 * @throws ImageError where the layer is not what its digest says, is not a tar, or takes more than its image may
 */
export async function readLayer(
  { image, path, digest }: LayerFile,
  budget: UnpackBudget,
  take: (entry: LayerEntry, content: AsyncIterable<unknown>) => Promise<void>,
): Promise<void> {
  const hash = createHash("sha256");
  const counted = observed((chunk) => budget.addBytes(chunk.length));
  const tar = extract();
  const reading = (async () => {
    for await (const entry of tar) {
      budget.addEntry();
      await take(entry.header, entry);
      entry.resume();
    }
  })();
  const steps = [createReadStream(path), observed((chunk) => hash.update(chunk)), ...decompression(path)];
  const [read, unpack] = await Promise.allSettled([reading, streams.pipeline([...steps, counted, tar])]);
  const failed = [read, unpack].find(({ status }) => status === "rejected");
  if (`sha256:${hash.digest("hex")}` !== digest && failed === undefined) throw changedBlob(image, digest);
  budget.throwIfGivenUp();
  if (failed?.status === "rejected") throw unreadable(image, failed.reason as NodeJS.ErrnoException);
}

/** What this machine says no to stays as it is; what the layer is to blame for names the image. */
function unreadable(image: string, error: NodeJS.ErrnoException): Error {
  const isOurs = error.name === "ImageError" || error.syscall !== undefined;
  return isOurs ? error : badImage(image, `a layer cannot be read: ${error.message}`);
}
