/** Builds images into an OCI layout, with the table of their digests. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { RuntimeStart } from "../../core/local/src/pod/sidecar-files.ts";
import {
  AGENT_RECIPE,
  CONTROLLER_RECIPE,
  LAUNCHER_RECIPE,
  PACKAGE_SETS,
  type Recipe,
  sidecarRecipe,
} from "../../sidecars/images/recipes.ts";
import { buildImage, readManifest } from "./build-image.ts";
import { workDirectory } from "./cache.ts";
import { ImageError } from "./image-error.ts";
import type { Lock } from "./lock.ts";
import { type ImageRef, readIndex, writeIndex } from "./oci.ts";
import { writeSbom } from "./sbom.ts";
import { chartValues, type ImageEntry, type ImageTable, TABLE_FILE, tableEntry, VALUES_FILE } from "./table.ts";

/** Every image of a workspace, by name: one for each plugin that is there, the agent's, the controller's and the launcher's. */
export function allRecipes(root: string): ReadonlyMap<string, Recipe> {
  const runtime = JSON.parse(readFileSync(join(root, "sidecars/runtime.json"), "utf8")) as RuntimeStart;
  const plugins = readdirSync(join(root, "plugins")).sort();
  const sidecar = (plugin: string): readonly [string, Recipe] => [
    plugin,
    sidecarRecipe(plugin, readManifest(join(root, "plugins", plugin)).description, runtime),
  ];
  return new Map([
    ...plugins.map(sidecar),
    ["agent", AGENT_RECIPE],
    ["controller", CONTROLLER_RECIPE],
    ["launcher", LAUNCHER_RECIPE],
  ]);
}

/** The recipes of the names that were asked for, all where none was. @throws ImageError for names that are not there */
export function chooseRecipes(root: string, names: readonly string[]): ReadonlyMap<string, Recipe> {
  const all = allRecipes(root);
  const unknown = names.filter((name) => !all.has(name));
  if (unknown.length > 0)
    throw new ImageError(
      "IMAGE_UNKNOWN",
      "the workspace does not have all the images that were asked for",
      unknown.map((name) => `"${name}" is not one of ${[...all.keys()].join(", ")}`),
      `npm run images -- ${[...all.keys()].join(" ")}`,
    );
  return names.length === 0 ? all : new Map([...all].filter(([name]) => names.includes(name)));
}

/** What is to be built, and where. */
export interface BuildRequest {
  readonly root: string;
  readonly names: readonly string[];
  readonly lock: Lock;
  /** The directory of the result: an OCI layout, the table, the SBOMs. What was there is replaced. */
  readonly out: string;
  readonly withSbom: boolean;
  readonly progress: (line: string) => void;
}

/** Refuses to replace what `npm run images` did not write. @throws ImageError */
export function checkOut(out: string): void {
  const there = existsSync(out) ? readdirSync(out) : [];
  if (there.length === 0 || ["oci-layout", TABLE_FILE].every((name) => there.includes(name))) return;
  const facts = [`it has no ${TABLE_FILE} beside an OCI layout, and would be replaced whole`];
  throw new ImageError(
    "OUT_OCCUPIED",
    `${out} is not a directory of images`,
    facts,
    "npm run images -- --out DIRECTORY, a new or empty one",
  );
}

/** Lists what is in each platform's image of a name. */
async function writeSboms(
  images: readonly ImageRef[],
  entry: ImageEntry,
  lock: Lock,
  directory: string,
): Promise<void> {
  const [name = "", version = ""] = entry.image.split(":");
  const platforms = Object.values(entry.platforms);
  for (const [at, image] of images.entries()) {
    const digest = platforms[at]?.digest ?? "";
    await writeSbom(image, { name, version, digest, sourceDate: lock.sourceDate }, directory);
  }
}

/** The images that the chart's values name. */
function chartImages(root: string): readonly string[] {
  const schema = JSON.parse(readFileSync(join(root, "charts/netbind/values.schema.json"), "utf8")) as {
    readonly properties: { readonly images: { readonly properties: object } };
  };
  return Object.keys(schema.properties.images.properties);
}

const writeJson = (file: string, value: object): void => writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);

/** Builds the images that were asked for. Gives their table. */
export async function buildImages({ root, names, lock, out, withSbom, progress }: BuildRequest): Promise<ImageTable> {
  const recipes = chooseRecipes(root, names);
  checkOut(out);
  mkdirSync(dirname(out), { recursive: true });
  using work = workDirectory();
  // Beside its place: it moves there at once, on one file system.
  using beside = workDirectory(dirname(out));
  const next = join(beside.path, "images");
  const table: Record<string, ImageEntry> = {};
  for (const [name, recipe] of recipes) {
    progress(`building ${name}`);
    const context = { root, lock, staging: join(work.path, "layout") };
    const images: ImageRef[] = [];
    for (const architecture of PACKAGE_SETS[recipe.set].architectures)
      images.push(await buildImage(context, name, recipe, architecture));
    await writeIndex(images, { layout: next, tag: name });
    const { version } = readManifest(join(root, recipe.package));
    const entry = tableEntry(name, version, readIndex({ layout: next, tag: name }));
    table[name] = entry;
    if (withSbom) await writeSboms(images, entry, lock, join(next, "sbom"));
  }
  writeJson(join(next, TABLE_FILE), table);
  writeJson(join(next, VALUES_FILE), chartValues(table, chartImages(root)));
  rmSync(out, { recursive: true, force: true });
  renameSync(next, out);
  return table;
}
