import { PACKAGE_SETS, type PackageSet, RUNTIME_PACKAGES, type SetName, SUITE } from "../../sidecars/images/recipes.ts";
import { cacheDirectory } from "./cache.ts";
import { DebianIndex } from "./debian.ts";
import { lockRuntime } from "./fetch.ts";
import type { Lock, LockedPackage, LockedSet } from "./lock.ts";

type Indexes = ReadonlyMap<string, DebianIndex>;

/** The packages of a set for an architecture, without those that the set below has. */
async function resolve(index: DebianIndex, { on, packages, without }: PackageSet): Promise<readonly LockedPackage[]> {
  if (on === undefined) return index.resolve(packages, without);
  const below = await index.resolve(PACKAGE_SETS[on].packages);
  const all = await index.resolve([...PACKAGE_SETS[on].packages, ...packages], without);
  return all.filter(({ sha256 }) => !below.some((one) => one.sha256 === sha256));
}

async function lockSet(set: PackageSet, indexes: Indexes): Promise<LockedSet> {
  const packages: Record<string, readonly LockedPackage[]> = {};
  for (const architecture of set.architectures) {
    const index = indexes.get(architecture);
    if (index !== undefined) packages[architecture] = await resolve(index, set);
  }
  return { requested: set.packages, packages };
}

/** Finds what the archives serve now of all that the images are made of. */
export async function lockWhatIsServed(runtimeVersion: string): Promise<Lock> {
  const indexes = new Map<string, DebianIndex>();
  const runtime: Record<string, Lock["runtime"]["amd64"]> = {};
  for (const architecture of PACKAGE_SETS.base.architectures) {
    indexes.set(architecture, await DebianIndex.update(cacheDirectory("apt", architecture), architecture));
    runtime[architecture] = await lockRuntime(RUNTIME_PACKAGES[architecture], runtimeVersion);
  }
  const sets: Record<string, LockedSet> = {};
  for (const [name, set] of Object.entries(PACKAGE_SETS)) sets[name] = await lockSet(set, indexes);
  const dates = await Promise.all([...indexes.values()].map((index) => index.date()));
  return {
    suite: SUITE,
    sourceDate: Math.max(...dates),
    runtime: runtime as Lock["runtime"],
    sets: sets as Record<SetName, LockedSet>,
  };
}

/** What moved from one lock to the next, a line for each package and architecture. */
export function describeChanges(before: Lock | undefined, after: Lock): readonly string[] {
  const versionsOf = (lock: Lock | undefined): ReadonlyMap<string, string> =>
    new Map(
      [
        ...Object.entries(lock?.runtime ?? {}).map(([architecture, file]) => [architecture, [file]] as const),
        ...Object.values(lock?.sets ?? {}).flatMap(({ packages }) => Object.entries(packages)),
      ].flatMap(([architecture, files]) =>
        files.map(({ name, version }) => [`${name} (${architecture})`, version] as const),
      ),
    );
  const [old, now] = [versionsOf(before), versionsOf(after)];
  return [...new Set([...old.keys(), ...now.keys()])]
    .filter((key) => old.get(key) !== now.get(key))
    .sort()
    .map((key) => `${key}: ${old.get(key) ?? "none"} -> ${now.get(key) ?? "none"}`);
}
