import { statSync } from "node:fs";
import { join } from "node:path";
import { BusyError, type Exec, exists, namesIn, removeFile, removeTrees } from "@netbind/netns";
import { openRecord } from "../record/local-pod-record.ts";
import type { State } from "../record/state.ts";
import { CONTAINER_DISKS } from "./container-disk-cache.ts";
import { ASKING, BUILDING, findEntry, type ImageKind, kindDirectory, lockKind, removeEntry } from "./image-entries.ts";
import { SIDECAR_IMAGES } from "./sidecar-image-cache.ts";

/** An image that the cache has no longer. */
export interface PrunedImage {
  /** What it was, such as `container disk`. */
  readonly what: string;
  /** As it was named first; its entry's name where that is not known. */
  readonly image: string;
}

const DAY = 24 * 60 * 60_000;

/** The entries that the VMs of a state directory have. @throws DamagedRecordError where one's record does not say */
function entriesInUse(state: State): ReadonlySet<string> {
  const records = state.podIds().flatMap((id) => openRecord(state.podDirectory(id))?.record ?? []);
  return new Set(
    records.flatMap(({ containerDisks = [], sidecars = {} }) => [
      ...containerDisks.map(({ base }) => base),
      ...Object.values(sidecars).flatMap((spec) => ("base" in spec ? [spec.base] : [])),
    ]),
  );
}

/** True for what no start has taken since: a start notes it on the directory. */
const isOlder = (path: string, days: number): boolean => statSync(path).mtimeMs <= Date.now() - days * DAY;

async function pruneKind<T extends object>(
  { cache }: State,
  exec: Exec,
  kind: ImageKind<T>,
  { used, days }: { readonly used: ReadonlySet<string>; readonly days: number },
): Promise<readonly PrunedImage[]> {
  const directory = kindDirectory(cache, kind);
  if (!exists(join(directory, "."))) return [];
  await using _ = await lockKind(cache, kind);
  const pruned: PrunedImage[] = [];
  for (const name of namesIn(directory).filter((one) => isOlder(join(directory, one), days))) {
    // What a reference named is asked for again.
    if (/^name-[0-9a-f]{16}\.json$/.test(name)) removeFile(join(directory, name));
    if (!name.startsWith(`${kind.prefix}-`) || used.has(name)) continue;
    const { image = name } = findEntry(cache, kind, name) ?? {};
    await removeEntry(exec, cache, kind, name);
    pruned.push({ what: kind.what, image });
  }
  return pruned;
}

/**
 * Removes images from the cache that no VM of this state directory has, and that no start of any has taken for some days.
 *
 * @throws DamagedRecordError where a VM's record cannot be read, and nothing is removed; BusyError where another process pulls an image all the while
 */
export async function pruneImages(state: State, exec: Exec, days: number): Promise<readonly PrunedImage[]> {
  const which = { used: entriesInUse(state), days };
  const disks = await pruneKind(state, exec, CONTAINER_DISKS, which);
  return [...disks, ...(await pruneKind(state, exec, SIDECAR_IMAGES, which))];
}

/** Removes what starts that were killed left of images that they fetched; what another process fetches stays. */
export async function removeUnfinished({ cache }: State, exec: Exec): Promise<readonly string[]> {
  const removed: string[] = [];
  for (const kind of [CONTAINER_DISKS, SIDECAR_IMAGES]) {
    const left = (): readonly string[] =>
      [ASKING, BUILDING].map((name) => join(kindDirectory(cache, kind), name)).filter((path) => exists(path));
    if (left().length === 0) continue;
    const lock = await lockKind(cache, kind, { wait: 0 }).catch((error: unknown) => {
      if (error instanceof BusyError) return undefined;
      throw error;
    });
    if (lock === undefined) continue;
    await using _ = lock;
    const unfinished = left();
    await removeTrees(exec, unfinished);
    if (unfinished.length > 0) removed.push(`an unfinished ${kind.what}`);
  }
  return removed;
}
