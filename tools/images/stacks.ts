/** The shared lowest layers of images, built once for each content of the lock. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { type Architecture, PACKAGE_SETS, type SetName } from "../../sidecars/images/recipes.ts";
import { cacheDirectory, workDirectory } from "./cache.ts";
import { exec } from "./exec.ts";
import { fetchPackages, fetchRuntime } from "./fetch.ts";
import type { Lock, LockedFile } from "./lock.ts";
import { addLayer, configure, copyImage, type ImageRef, newImage } from "./oci.ts";
import { GNU_NAMES, makeTree, packagesOf, packLayer } from "./trees.ts";

/** How files become layers: another way makes other layers of the same packages. */
const MAKERS = ["stacks.ts", "trees.ts", "oci.ts"].map((name) => readFileSync(new URL(name, import.meta.url), "utf8"));
const TAG = "stack";

const runtimeOf = (lock: Lock, name: SetName, architecture: Architecture): readonly LockedFile[] => {
  const runtime = lock.runtime[architecture];
  return PACKAGE_SETS[name].hasRuntime && runtime !== undefined ? [runtime] : [];
};

/** All that a stack's digest depends on, the programs that make it included. */
async function keyOf(name: SetName, architecture: Architecture, lock: Lock): Promise<string> {
  const { on } = PACKAGE_SETS[name];
  const below = on === undefined ? "" : await keyOf(on, architecture, lock);
  const programs = await Promise.all(
    ["umoci", "tar", `${GNU_NAMES[architecture]}-strip`].map((program) => exec([program, "--version"])),
  );
  const files = [...packagesOf(lock, name, architecture), ...runtimeOf(lock, name, architecture)].map(
    ({ sha256 }) => sha256,
  );
  const parts = [MAKERS, below, programs, PACKAGE_SETS[name], architecture, lock.sourceDate, files];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 24);
}

/** Moves what was built to its place. Another build of the same stack may have been faster: the two are the same. */
function keep(built: string, place: string): void {
  try {
    renameSync(built, place);
  } catch (error) {
    if (!existsSync(place)) throw error;
  }
}

/** Gives the stack of a package set, built where the cache does not have it. */
export async function ensureStack(name: SetName, architecture: Architecture, lock: Lock): Promise<ImageRef> {
  const stacks = cacheDirectory("stacks");
  const stack = { layout: join(stacks, await keyOf(name, architecture, lock)), tag: TAG };
  if (existsSync(stack.layout)) return stack;
  await fetchPackages(packagesOf(lock, name, architecture));
  for (const runtime of runtimeOf(lock, name, architecture)) await fetchRuntime(runtime);
  using work = workDirectory();
  const next = { layout: join(work.path, "layout"), tag: TAG };
  const [tree, layer] = [join(work.path, "tree"), join(work.path, "layer.tar")];
  mkdirSync(tree);
  const { on } = PACKAGE_SETS[name];
  if (on === undefined) await newImage(next);
  else await copyImage(await ensureStack(on, architecture, lock), next);
  await makeTree(tree, name, architecture, lock);
  await packLayer(tree, layer, lock.sourceDate);
  await addLayer(next, layer, `netbind images: ${name}`, lock.sourceDate);
  await configure(next, { architecture }, lock.sourceDate);
  keep(next.layout, stack.layout);
  return stack;
}
