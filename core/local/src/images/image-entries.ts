import { utimesSync } from "node:fs";
import { join } from "node:path";
import { defined } from "@netbind/contract";
import { isText } from "@netbind/contract/shape";
import {
  derivedName,
  type Exec,
  exists,
  readText,
  removeTree,
  rename,
  takeLock,
  writeAtomically,
} from "@netbind/netns";
import type { Progress } from "../launcher/image.ts";
import type { ImageSource } from "./image-source.ts";
import type { LayerFile } from "./layer-entries.ts";
import type { SkopeoContext } from "./skopeo.ts";

/** An image of this platform that was copied: a file for each blob, with the digest that was asked for. */
export interface CopiedImage {
  /** As its author wrote it. */
  readonly text: string;
  /** The name of its directory below the one that it is made in. */
  readonly name: string;
  /** Its configuration, a JSON text. */
  readonly config: string;
  /** The lowest first. */
  readonly layers: readonly LayerFile[];
  readonly path?: string;
}

/** What is kept of images of one kind, such as a container disk. */
export interface ImageKind<T extends object> {
  /** The name of its directory below Netbind's cache. */
  readonly directory: string;
  /** What the names of its entries begin with. */
  readonly prefix: string;
  /** What such an image is called. */
  readonly what: string;
  /** Bytes that an image may have, as its registry has it. */
  readonly limit: number;
  readonly isFacts: (value: unknown) => boolean;
  /** False where what the facts are of is not in an entry's directory as it was made. */
  readonly isWhole: (directory: string, facts: T) => boolean;
  /** Makes what is kept of an image in a new directory, and gives what is known of it. @throws ImageError */
  readonly make: (image: CopiedImage, building: string, context: SkopeoContext) => Promise<T>;
}

/** What the cache has of an image. */
export type CachedImage<T> = T & {
  /** The image as it was named first. */
  readonly image?: string;
  /** The name of its directory. */
  readonly base: string;
};

const LOCK_WAIT = 2 * 60 * 60_000;
/** What is known of an entry: it is whole once it has that. */
export const FACTS = "facts.json";
/** An entry that is being made, or removed. */
export const BUILDING = "building";
/** Where a registry is asked which image a reference names. */
export const ASKING = "asking";

export const kindDirectory = (cache: string, { directory }: { readonly directory: string }): string =>
  join(cache, directory);
/** The name of an entry: of an image's digest, and the place in it. */
export const baseName = ({ prefix }: { readonly prefix: string }, digest: string, path = ""): string =>
  derivedName(prefix, { text: `${digest} ${path}` });

/** A file's JSON; undefined where it is not one, as after a power failure. */
function readJson(file: string): unknown {
  try {
    return exists(file) ? JSON.parse(readText(file)) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** An entry that is whole; undefined where there is none. */
export function findEntry<T extends object>(
  cache: string,
  kind: ImageKind<T>,
  base: string,
): CachedImage<T> | undefined {
  const directory = join(kindDirectory(cache, kind), base);
  const facts = readJson(join(directory, FACTS)) as T;
  return kind.isFacts(facts) && kind.isWhole(directory, facts) ? { ...facts, base } : undefined;
}

/** What a reference named when it was last asked for. */
const nameFile = (directory: string, { text }: ImageSource): string =>
  join(directory, derivedName("name", { text }, ".json"));
/** The digest of the image that a reference named then. */
export function rememberedDigest(directory: string, source: ImageSource): string | undefined {
  const named = readJson(nameFile(directory, source)) as { readonly digest?: unknown } | null | undefined;
  return isText(named?.digest) ? String(named?.digest) : undefined;
}

/** Notes what a reference names. */
export const rememberDigest = (directory: string, source: ImageSource, digest: string): void =>
  writeAtomically(nameFile(directory, source), JSON.stringify({ reference: source.text, digest }));

/** Removes an entry; the caller holds the kind's lock. What is removed in part is never taken for whole. */
export async function removeEntry(
  exec: Exec,
  cache: string,
  kind: { readonly directory: string },
  base: string,
): Promise<void> {
  const directory = kindDirectory(cache, kind);
  await removeTree(exec, join(directory, BUILDING));
  rename(join(directory, base), join(directory, BUILDING));
  await removeTree(exec, join(directory, BUILDING));
}

/** Takes the lock of a kind's directory, without which nobody changes what is in it; says where it waits for another. */
export const lockKind = (
  cache: string,
  kind: { readonly directory: string; readonly what: string },
  {
    progress,
    signal,
    wait = LOCK_WAIT,
  }: { readonly progress?: Progress; readonly signal?: AbortSignal; readonly wait?: number } = {},
): ReturnType<typeof takeLock> =>
  takeLock(join(kindDirectory(cache, kind), "lock"), `the cache of ${kind.what}s`, {
    ...{ wait, ...defined({ signal }) },
    ...(progress && { onWait: () => progress(`waiting for another netbind process, which fetches ${kind.what}s`) }),
  });

/** Notes that an entry of a kind's directory is used now: `netbind gc --images` goes by that. */
export function markUsed<T extends { readonly base: string }>(directory: string, entry: T): T {
  const now = new Date();
  utimesSync(join(directory, entry.base), now, now);
  return entry;
}
