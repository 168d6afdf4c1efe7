import { chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isNumber, isText, shape } from "@netbind/contract/shape";
import {
  derivedName,
  type Exec,
  exists,
  makeDirectory,
  namesIn,
  readText,
  removeTree,
  rename,
  takeLock,
  writeAtomically,
  writeText,
} from "@netbind/netns";
import type { Progress } from "../launcher/image.ts";
import { badImage, changedBlob, explainWrite } from "./errors.ts";
import { type DiskFacts, inspectDisk } from "./disk-image.ts";
import { writeDisk } from "./find-disk.ts";
import type { ImageSource } from "./image-source.ts";
import { UNPACKED_LIMIT } from "./layer-entries.ts";
import { checkPlatform, digestOf, type Manifest, readManifest } from "./manifest.ts";
import { askManifest, copyImage, type SkopeoContext } from "./skopeo.ts";
import { watchCopy } from "./watch-copy.ts";

/** Where container disks are kept, and what they are fetched with. */
export interface DiskCache {
  readonly exec: Exec;
  /** Netbind's cache. */
  readonly cache: string;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** A container disk that a volume asks for. */
export interface DiskRequest {
  readonly source: ImageSource;
  /** The volume's `path`. */
  readonly path?: string;
  /** As the kubelet has it; absent: `Always` for a tag that moves, else `IfNotPresent`. */
  readonly pullPolicy?: string;
}

/** A disk of the cache, which VMs read and nobody writes. */
export interface CachedDisk extends DiskFacts {
  /** The name of its directory. */
  readonly base: string;
}

const LOCK_WAIT = 2 * 60 * 60_000;
const [DISK, FACTS, BUILDING, IMAGE] = ["disk", "facts.json", "building", "image"] as const;

const cacheDirectory = (cache: string): string => join(cache, "container-disks");
export const cachedDiskPath = (cache: string, base: string): string => join(cacheDirectory(cache), base, DISK);
/** The name of a disk's directory: of an image's digest, and the place in it. */
const baseName = (digest: string, path = ""): string => derivedName("disk", { text: `${digest} ${path}` });
const isFacts = shape({ format: (format) => format === "raw" || format === "qcow2", virtualSize: isNumber });

/** A disk that is whole; undefined where there is none. */
function findDisk(cache: string, base: string): CachedDisk | undefined {
  const file = join(cacheDirectory(cache), base, FACTS);
  if (!exists(file)) return undefined;
  const facts = JSON.parse(readText(file)) as DiskFacts;
  return isFacts(facts) ? { base, format: facts.format, virtualSize: facts.virtualSize } : undefined;
}

/** What a reference named when it was last asked for. */
const nameFile = (cache: string, { text }: ImageSource): string =>
  join(cacheDirectory(cache), derivedName("name", { text }, ".json"));
function rememberedDigest(cache: string, source: ImageSource): string | undefined {
  if (!exists(nameFile(cache, source))) return undefined;
  const named = JSON.parse(readText(nameFile(cache, source))) as { readonly digest?: unknown };
  return isText(named.digest) ? String(named.digest) : undefined;
}

/** An image of this platform that a source names by its digest. */
interface NamedImage {
  readonly source: ImageSource;
  readonly digest: string;
}

/** Finds out which image a reference names now. @throws ImageError */
async function resolveImage(context: SkopeoContext, source: ImageSource): Promise<NamedImage> {
  const text = await askManifest(context, source);
  const asked = digestOf(text);
  if (source.digest !== undefined && source.digest !== asked) throw changedBlob(source.text, source.digest);
  const found = readManifest(source.text, text);
  const digest = typeof found === "string" ? found : asked;
  const { repository } = source;
  const reference = repository === undefined ? source.reference : `docker://${repository}@${digest}`;
  return { digest, source: { ...source, reference } };
}

/** The manifest of an image that was copied, which is the one that was asked for. @throws ImageError */
function copiedManifest(directory: string, { source, digest }: NamedImage): Manifest {
  const text = readFileSync(join(directory, "manifest.json"), "utf8");
  const manifest = digestOf(text) === digest ? readManifest(source.text, text) : undefined;
  if (manifest === undefined || typeof manifest === "string") throw changedBlob(source.text, digest);
  const config = readFileSync(join(directory, blobName(manifest.config.digest)), "utf8");
  if (digestOf(config) !== manifest.config.digest) throw changedBlob(source.text, manifest.config.digest);
  checkPlatform(source.text, config);
  return manifest;
}

const blobName = (digest: string): string => digest.slice("sha256:".length);

/** Fetches an image, and keeps its one disk. */
async function fetchDisk(
  cache: DiskCache,
  named: NamedImage,
  path: string | undefined,
  building: string,
): Promise<void> {
  const { exec, progress, signal } = cache;
  const { source } = named;
  const watched = watchCopy(join(building, IMAGE), { image: source.text, progress, limit: UNPACKED_LIMIT, signal });
  try {
    await copyImage({ exec, workspace: building, signal: watched.signal }, named.source, IMAGE);
  } catch (error) {
    throw watched.problem() ?? error;
  } finally {
    watched.end();
  }
  const directory = join(building, IMAGE);
  const layers = copiedManifest(directory, named).layers.map(({ digest }) => ({
    ...{ image: source.text, digest, path: join(directory, blobName(digest)) },
  }));
  if (layers.length === 0) throw badImage(source.text, "it has no layer");
  progress(`reading the disk of ${source.text}`);
  const disk = join(building, DISK);
  await writeDisk(layers, path, disk);
  const facts = await inspectDisk(exec, source.text, disk);
  chmodSync(disk, 0o444);
  await removeTree(exec, directory);
  writeText(join(building, FACTS), JSON.stringify(facts), 0o644);
}

/** Makes a disk of the cache, whole or not at all. */
async function addDisk(cache: DiskCache, named: NamedImage, path: string | undefined): Promise<CachedDisk> {
  const directory = cacheDirectory(cache.cache);
  const building = join(directory, BUILDING);
  await removeTree(cache.exec, building);
  try {
    makeDirectory(building, 0o700);
    const base = baseName(named.digest, path);
    await fetchDisk(cache, named, path, building);
    await removeTree(cache.exec, join(directory, base));
    rename(building, join(directory, base));
    makeDirectory(join(directory, base), 0o711);
    return findDisk(cache.cache, base) as CachedDisk;
  } catch (error) {
    throw explainWrite(named.source.text, directory, error);
  } finally {
    await removeTree(cache.exec, building);
  }
}

/**
 * The disk of an image, from the cache where it is there, else from where the image is. Two who want one wait for each other;
 * what was interrupted is never taken for whole.
 *
 * @throws ImageError
 */
export async function ensureContainerDisk(cache: DiskCache, request: DiskRequest): Promise<CachedDisk> {
  const { source, path } = request;
  const policy = request.pullPolicy || (source.moves ? "Always" : "IfNotPresent");
  const directory = cacheDirectory(cache.cache);
  makeDirectory(directory);
  const known = rememberedDigest(cache.cache, source);
  const kept = known === undefined ? undefined : findDisk(cache.cache, baseName(known, path));
  if (kept !== undefined && policy !== "Always") return kept;
  if (policy === "Never") throw badImage(source.text, "its imagePullPolicy is Never, and it is not in the cache");
  await using _ = await takeLock(join(directory, "lock"), "the container disks", LOCK_WAIT);
  for (const name of namesIn(directory)) if (name === BUILDING) await removeTree(cache.exec, join(directory, name));
  const asking = join(directory, "asking");
  makeDirectory(asking, 0o700);
  const context = { exec: cache.exec, workspace: asking, signal: cache.signal };
  const named = await resolveImage(context, source).finally(() => removeTree(cache.exec, asking));
  const disk = findDisk(cache.cache, baseName(named.digest, path)) ?? (await addDisk(cache, named, path));
  writeAtomically(nameFile(cache.cache, source), JSON.stringify({ reference: source.text, digest: named.digest }));
  return disk;
}
