import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Exec, makeDirectory, removeTree, rename, writeAtomically } from "@netbind/netns";
import type { Progress } from "../launcher/image.ts";
import { badImage, changedBlob, explainWrite, invalidPullPolicy } from "./errors.ts";
import type { ImageSource } from "./image-source.ts";
import { checkPlatform, digestOf, type Manifest, readManifest } from "./manifest.ts";
import { askManifest, copyImage, type RegistryAuth, type SkopeoContext } from "./skopeo.ts";
import {
  ASKING,
  baseName,
  BUILDING,
  type CachedImage,
  type CopiedImage,
  FACTS,
  findEntry,
  type ImageKind,
  kindDirectory,
  lockKind,
  markUsed,
  rememberDigest,
  rememberedDigest,
} from "./image-entries.ts";
import { watchCopy } from "./watch-copy.ts";

/** Where images are kept, and what they are fetched with. */
export interface ImageCache {
  readonly exec: Exec;
  /** Netbind's cache. */
  readonly cache: string;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Absent: what skopeo login writes as root. */
  readonly auth?: RegistryAuth;
}

/** Where a copy is, in the directory that an entry is made in. */
const IMAGE = "image";

/** An image that is asked for. */
export interface ImageRequest {
  readonly source: ImageSource;
  /** What of the image is asked for, where there are several things. */
  readonly path?: string;
  /** As the kubelet has it; absent: `Always` for a tag that moves, else `IfNotPresent`. */
  readonly pullPolicy?: string;
}

/** True for a policy that a kubelet knows. */
export const isPullPolicy = (policy: string): boolean => ["Always", "IfNotPresent", "Never"].includes(policy);

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

const blobName = (digest: string): string => digest.slice("sha256:".length);

/** What was copied, which is what was asked for. @throws ImageError */
function copiedImage(directory: string, { source, digest }: NamedImage): CopiedImage {
  const { text: image } = source;
  const text = readFileSync(join(directory, "manifest.json"), "utf8");
  const manifest: Manifest | string | undefined = digestOf(text) === digest ? readManifest(image, text) : undefined;
  if (manifest === undefined || typeof manifest === "string") throw changedBlob(image, digest);
  const config = readFileSync(join(directory, blobName(manifest.config.digest)), "utf8");
  if (digestOf(config) !== manifest.config.digest) throw changedBlob(image, manifest.config.digest);
  checkPlatform(image, config);
  if (manifest.layers.length === 0) throw badImage(image, "it has no layer");
  const layers = manifest.layers.map((layer) => ({
    ...{ image, digest: layer.digest, path: join(directory, blobName(layer.digest)) },
  }));
  return { text: image, name: IMAGE, config, layers };
}

/** Copies an image, and makes what is kept of it. */
async function fetchImage<T extends object>(
  cache: ImageCache,
  kind: ImageKind<T>,
  named: NamedImage,
  { path, building }: { readonly path: string | undefined; readonly building: string },
): Promise<void> {
  const { signal, progress, ...tools } = cache;
  const { what, limit } = kind;
  const watched = watchCopy(join(building, IMAGE), { image: named.source.text, what, progress, limit, signal });
  try {
    await copyImage({ ...tools, workspace: building, signal: watched.signal }, named.source, IMAGE);
  } catch (error) {
    throw watched.problem() ?? error;
  } finally {
    watched.end();
  }
  const copied = copiedImage(join(building, IMAGE), named);
  progress(`reading the ${what} ${named.source.text}`);
  const made = path === undefined ? copied : { ...copied, path };
  const facts = await kind.make(made, building, { ...tools, workspace: building, signal });
  await removeTree(cache.exec, join(building, IMAGE));
  writeAtomically(join(building, FACTS), JSON.stringify({ ...facts, image: named.source.text }));
}

/** Makes an entry of the cache, whole or not at all. */
async function addEntry<T extends object>(
  cache: ImageCache,
  kind: ImageKind<T>,
  named: NamedImage,
  path: string | undefined,
): Promise<CachedImage<T>> {
  const directory = kindDirectory(cache.cache, kind);
  const building = join(directory, BUILDING);
  await removeTree(cache.exec, building);
  try {
    makeDirectory(building, 0o700);
    const base = baseName(kind, named.digest, path);
    await fetchImage(cache, kind, named, { path, building });
    await removeTree(cache.exec, join(directory, base));
    rename(building, join(directory, base));
    makeDirectory(join(directory, base), 0o711);
    return findEntry(cache.cache, kind, base) as CachedImage<T>;
  } catch (error) {
    throw explainWrite(named.source.text, directory, error);
  } finally {
    await removeTree(cache.exec, building);
  }
}

/** Asks which image a reference names, and gives what the cache has of it then; the caller holds the kind's lock. */
async function pull<T extends object>(
  cache: ImageCache,
  kind: ImageKind<T>,
  { source, path }: ImageRequest,
): Promise<CachedImage<T>> {
  const directory = kindDirectory(cache.cache, kind);
  await removeTree(cache.exec, join(directory, BUILDING));
  const asking = join(directory, ASKING);
  makeDirectory(asking, 0o700);
  const named = await resolveImage({ ...cache, workspace: asking }, source).finally(() =>
    removeTree(cache.exec, asking),
  );
  const entry =
    findEntry(cache.cache, kind, baseName(kind, named.digest, path)) ?? (await addEntry(cache, kind, named, path));
  rememberDigest(directory, source, named.digest);
  return entry;
}

/**
 * What is kept of an image, from the cache where it is there, else from where the image is. Two who want one wait for each
 * other; what was interrupted is never taken for whole.
 *
 * @throws ImageError
 */
export async function ensureImage<T extends object>(
  cache: ImageCache,
  kind: ImageKind<T>,
  request: ImageRequest,
): Promise<CachedImage<T>> {
  const { source, path } = request;
  const policy = request.pullPolicy || (source.moves ? "Always" : "IfNotPresent");
  if (!isPullPolicy(policy)) throw badImage(source.text, `its ${invalidPullPolicy(policy)}`);
  const directory = kindDirectory(cache.cache, kind);
  makeDirectory(directory);
  const known = rememberedDigest(directory, source);
  const kept = known === undefined ? undefined : findEntry(cache.cache, kind, baseName(kind, known, path));
  if (kept !== undefined && policy !== "Always") return markUsed(directory, kept);
  if (policy === "Never") throw badImage(source.text, "its imagePullPolicy is Never, and it is not in the cache");
  await using _ = await lockKind(cache.cache, kind, cache);
  return markUsed(directory, await pull(cache, kind, request));
}
