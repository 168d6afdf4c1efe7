import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Architecture, BUNDLE_DIRECTORY, type Recipe } from "../../sidecars/images/recipes.ts";
import { packagesFileOf } from "../bundle-packages.mjs";
import { workDirectory } from "./cache.ts";
import type { Lock } from "./lock.ts";
import { addLayer, configure, copyImage, type ImageRef } from "./oci.ts";
import { ensureStack } from "./stacks.ts";
import { packLayer } from "./trees.ts";

const PATH = "/usr/sbin:/usr/bin";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly description: string;
  readonly repository?: string;
}

export const readManifest = (directory: string): Manifest =>
  JSON.parse(readFileSync(join(directory, "package.json"), "utf8")) as Manifest;

/** Copies what says of a bundled package who made it, and on which terms. */
function addNotices(tree: string, directory: string): void {
  const target = join(tree, BUNDLE_DIRECTORY, "node_modules", readManifest(directory).name);
  mkdirSync(target, { recursive: true });
  for (const file of readdirSync(directory).filter((name) => /^(package\.json$|licen[cs]e|notice)/i.test(name)))
    copyFileSync(join(directory, file), join(target, file));
}

/** Makes what an image adds to its stack: a bundle, and what says what is in it. */
function makeBundleTree(
  tree: string,
  root: string,
  recipe: Recipe & { readonly bundle: string; readonly bundleName: string },
): void {
  const { name, version, license, description } = readManifest(join(root, recipe.package));
  const target = join(tree, BUNDLE_DIRECTORY);
  mkdirSync(target, { recursive: true });
  copyFileSync(join(root, recipe.bundle), join(target, recipe.bundleName));
  copyFileSync(join(root, "LICENSE"), join(target, "LICENSE"));
  for (const [file, text] of Object.entries(recipe.files ?? {})) writeFileSync(join(target, file), text);
  writeFileSync(
    join(target, "package.json"),
    `${JSON.stringify({ name, version, license, description, type: "module" }, null, 2)}\n`,
  );
  const packages = JSON.parse(readFileSync(packagesFileOf(join(root, recipe.bundle)), "utf8")) as readonly string[];
  for (const directory of packages) addNotices(tree, directory);
}

/** What an image's labels say, in OCI's own words. */
function labelsOf(root: string, recipe: Recipe): Readonly<Record<string, string>> {
  const { version, license } = readManifest(join(root, recipe.package));
  const label = (name: string, value: string): readonly [string, string] => [`org.opencontainers.image.${name}`, value];
  const { repository } = readManifest(root);
  return Object.fromEntries([
    label("title", recipe.title),
    label("description", recipe.description),
    label("version", version),
    label("licenses", license),
    // Where the sources are published is the workspace's to say; until it does, an image names no place.
    ...(repository === undefined ? [] : [label("source", repository)]),
  ]);
}

/** What one image is built from. */
export interface BuildContext {
  /** The workspace, with its bundles built. */
  readonly root: string;
  readonly lock: Lock;
  /** The layout that images of single platforms are put into. */
  readonly staging: string;
}

/** Builds a recipe's image for one architecture. */
export async function buildImage(
  { root, lock, staging }: BuildContext,
  name: string,
  recipe: Recipe,
  architecture: Architecture,
): Promise<ImageRef> {
  const image = { layout: staging, tag: `${name}-${architecture}` };
  await copyImage(await ensureStack(recipe.set, architecture, lock), image);
  const { bundle, bundleName } = recipe;
  if (bundle !== undefined && bundleName !== undefined) {
    using work = workDirectory();
    const [tree, layer] = [join(work.path, "tree"), join(work.path, "layer.tar")];
    makeBundleTree(tree, root, { ...recipe, bundle, bundleName });
    // A checkout's files have the modes that its owner likes.
    await packLayer(tree, layer, lock.sourceDate, "u=rwX,go=rX");
    await addLayer(image, layer, `netbind images: ${dirname(bundle)}`, lock.sourceDate);
  }
  const { user, entrypoint, cmd, env } = recipe;
  await configure(
    image,
    { architecture, user, entrypoint, cmd, env: { PATH, ...env }, labels: labelsOf(root, recipe) },
    lock.sourceDate,
  );
  return image;
}
