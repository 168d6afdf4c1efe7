import { closeSync, fsyncSync, ftruncateSync, openSync, writeSync } from "node:fs";
import {
  DISK_LIMITS,
  type LayerEntry,
  type LayerFile,
  readLayer,
  UnpackBudget,
  UNPACKED_LIMIT,
} from "./layer-entries.ts";
import { badImage, noDisk, sparseDisk } from "./errors.ts";

/** The entry of a layer that is a container disk. */
interface FoundDisk {
  /** Its place among the image's layers, and in that one. */
  readonly layer: number;
  readonly entry: number;
}

/** What the layers that were read so far show at a path. */
interface Shown extends FoundDisk {
  readonly type: string;
  readonly size: number;
}

const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";
/** Where KubeVirt looks, when a volume names no `path`. */
const DISK_DIRECTORY = ["disk"];

const paxOf = ({ pax }: LayerEntry): Readonly<Record<string, string>> => (pax ?? {}) as Record<string, string>;

/** An entry's way from the root of its image; undefined for one that leads out of it, which no runtime unpacks. */
function componentsOf(entry: LayerEntry): readonly string[] | undefined {
  const parts = (paxOf(entry)["GNU.sparse.name"] ?? entry.name)
    .split("/")
    .filter((part) => part !== "" && part !== ".");
  return parts.includes("..") ? undefined : parts;
}

/**
 * True for a file whose tar has its data without its holes, in any of GNU tar's four ways: what is read of it is not the
 * file. A type that no tar reader here knows is the oldest of them.
 */
const isSparse = (entry: LayerEntry): boolean =>
  entry.type === null || Object.keys(paxOf(entry)).some((key) => key.startsWith("GNU.sparse."));

const isBelow = (path: readonly string[], directory: readonly string[]): boolean =>
  directory.every((part, at) => path[at] === part);

/** The files that an image's layers show, as far as they can be a container disk: one over the other, by their names alone. */
class LayeredFiles {
  readonly #files = new Map<string, Shown>();
  readonly #image: string;
  readonly #wanted: readonly string[];

  constructor(image: string, wanted: readonly string[]) {
    this.#image = image;
    this.#wanted = wanted;
  }

  /** True for what can hide or be the disk: on the way to it, or below it. */
  #concerns(path: readonly string[]): boolean {
    return isBelow(path, this.#wanted) || isBelow(this.#wanted, path);
  }

  /** What lower layers show at a path goes, with all below it. */
  #hide(path: readonly string[], layer: number, withItself = true): void {
    for (const [name, shown] of this.#files) {
      const there = name.split("/");
      const isHidden = isBelow(there, path) && (withItself || there.length > path.length);
      if (isHidden && shown.layer < layer) this.#files.delete(name);
    }
  }

  /** @throws ImageError where it cannot be read */
  add(header: LayerEntry, at: FoundDisk): void {
    const path = componentsOf(header);
    const last = path?.at(-1);
    if (path === undefined || last === undefined) return;
    const parent = path.slice(0, -1);
    if (last === OPAQUE) return this.#hide(parent, at.layer, false);
    if (last.startsWith(WHITEOUT)) return this.#hide([...parent, last.slice(WHITEOUT.length)], at.layer);
    if (!this.#concerns(path)) return;
    if (isSparse(header) && isBelow(path, this.#wanted)) throw sparseDisk(this.#image, `/${path.join("/")}`);
    // What is not a directory takes the place of one, and of all that was in it.
    if (header.type !== "directory") this.#hide(path, at.layer + 1);
    this.#files.set(path.join("/"), { ...at, type: header.type ?? "file", size: header.size ?? 0 });
  }

  /** The entries at the wanted place, and below it where that is a directory. */
  get shown(): readonly (readonly [name: string, shown: Shown])[] {
    return [...this.#files].filter(
      ([name, { type }]) => isBelow(name.split("/"), this.#wanted) && type !== "directory",
    );
  }

  /** A link on the way to the disk: it is not followed. */
  get link(): string | undefined {
    return [...this.#files].find(
      ([name, { type }]) => isBelow(this.#wanted, name.split("/")) && type !== "directory" && type !== "file",
    )?.[0];
  }
}

/** The one disk among what an image shows. @throws ImageError */
function theDisk(image: string, files: LayeredFiles, path: string, isNamed: boolean): FoundDisk {
  const { shown, link } = files;
  if (link !== undefined) throw badImage(image, `/${link} in it is a link or a device, and Netbind follows none`);
  const [first, ...more] = shown;
  if (first === undefined) throw noDisk(image, path, isNamed);
  if (more.length > 0) {
    const names = shown.slice(0, 5).map(([name]) => JSON.stringify(`/${name}`));
    throw badImage(image, `it has ${shown.length} files at ${path}, and a container disk is one: ${names.join(", ")}`);
  }
  const [name, { type, size }] = first;
  if (type !== "file") throw badImage(image, `${JSON.stringify(`/${name}`)} in it is a ${type}, not a regular file`);
  if (size > UNPACKED_LIMIT) throw badImage(image, `its disk has ${size} bytes: at most ${UNPACKED_LIMIT} are taken`);
  return first[1];
}

/** The way to a volume's `path`, or to the directory that has a disk where it names none. @throws ImageError */
export function diskComponents(image: string, path: string | undefined): readonly string[] {
  if (path === undefined || path === "") return DISK_DIRECTORY;
  const parts = path.split("/").slice(1);
  if (!path.startsWith("/") || parts.some((part) => ["", ".", ".."].includes(part)))
    throw badImage(
      image,
      `${JSON.stringify(path)} is not a valid path of a disk: write an absolute one without . and ..`,
    );
  return parts;
}

/** What a file system gives or spares at once. */
const BLOCK = 4096;
const ZEROS = Buffer.alloc(BLOCK);

function writeWhole(descriptor: number, bytes: Buffer, at: number): void {
  for (let written = 0; written < bytes.length; )
    written += writeSync(descriptor, bytes, written, bytes.length - written, at + written);
}

/** Where the piece that begins at a place ends: with the file system's block, or with the bytes. */
const pieceEnd = (bytes: Buffer, from: number, at: number): number =>
  Math.min(bytes.length, from + BLOCK - ((at + from) % BLOCK));

const isZero = (bytes: Buffer): boolean => bytes.equals(ZEROS.subarray(0, bytes.length));

/** Writes bytes at a place of a new file, but for blocks of zeros: a disk is mostly empty, and its holes take no room. */
function writeSparse(descriptor: number, bytes: Buffer, at: number): void {
  let [from, to] = [0, 0];
  while (to < bytes.length) {
    const end = pieceEnd(bytes, to, at);
    if (isZero(bytes.subarray(to, end))) {
      writeWhole(descriptor, bytes.subarray(from, to), at + from);
      from = end;
    }
    to = end;
  }
  writeWhole(descriptor, bytes.subarray(from, to), at + from);
}

/**
 * Writes the one disk of an image's layers to a new file: its bytes are read out of the layer's tar. No other entry is
 * unpacked, no link followed, and what a later layer removed is not there.
 *
 * @throws ImageError where the image has no disk, or more than one
 */
export async function writeDisk(
  {
    layers,
    path,
    signal,
  }: { readonly layers: readonly LayerFile[]; readonly path?: string; readonly signal?: AbortSignal },
  target: string,
): Promise<void> {
  const image = layers[0]?.image ?? "";
  const wanted = diskComponents(image, path);
  const files = new LayeredFiles(image, wanted);
  const budget = (): UnpackBudget => new UnpackBudget(image, DISK_LIMITS, signal);
  const all = budget();
  for (const [layer, file] of layers.entries()) {
    let entry = 0;
    await readLayer(file, all, async (header) => files.add(header, { layer, entry: entry++ }));
  }
  const found = theDisk(image, files, `/${wanted.join("/")}`, wanted !== DISK_DIRECTORY);
  const disk = openSync(target, "wx", 0o400);
  try {
    let [entry, written] = [0, 0];
    await readLayer(layers[found.layer] as LayerFile, budget(), async (_, content) => {
      if (entry++ !== found.entry) return;
      for await (const chunk of content) {
        writeSparse(disk, chunk as Buffer, written);
        written += (chunk as Buffer).length;
      }
    });
    ftruncateSync(disk, written);
    fsyncSync(disk);
  } finally {
    closeSync(disk);
  }
}
