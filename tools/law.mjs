/**
 * `tools/import-law.json`: who may import whom. Read here, by what generates from it, what checks it, and what builds by it.
 * Runs under any Node from 18 on, and needs nothing installed.
 *
 * @typedef {object} Root  what some files of a package may import beside what all of it may: a composition root, tests
 * @property {readonly string[]} imports   packages of this workspace, or doors of them
 * @property {readonly string[]} external  packages of others
 *
 * @typedef {object} Article  what the law says of one package
 * @property {string} about                what the package is, in one sentence
 * @property {readonly string[]} imports   packages of this workspace: "@netbind/remote" with all its doors,
 *   "@netbind/remote/binding" that door alone, "@netbind/plugin-*" whatever begins so
 * @property {readonly string[]} external  packages of others, with all their doors
 * @property {boolean} node                may it use the runtime's modules; false is pure
 * @property {Readonly<Record<string, Root>>} [roots]  by file or pattern of files in the package; a file is of one
 * @property {readonly string[]} [bundles] folders that it is bundled with by path, without importing them
 * @property {boolean} [reserved]          it is not there yet: its place and its bounds are kept for it
 * @property {boolean} [besideVms]         it runs as root where VMs' users own directories: path-law.json holds for it
 *
 * @typedef {Article & { readonly folder: string, readonly key: string, readonly manifest: any }} Package
 *   one folder with what the law says of it, under which key, and its package.json
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout that these tools are in. */
export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const LAW = "tools/import-law.json";

const readJson = (path) => JSON.parse(readFileSync(path, "utf8"));

/** What a pattern such as "plugins/*" stands for in a checkout: folders with a package.json, by name. */
function expand(root, pattern) {
  if (!pattern.endsWith("/*")) return existsSync(join(root, pattern, "package.json")) ? [pattern] : [];
  const parent = pattern.slice(0, -2);
  if (!existsSync(join(root, parent))) return [];
  const names = readdirSync(join(root, parent)).sort();
  return names.map((name) => `${parent}/${name}`).filter((folder) => existsSync(join(root, folder, "package.json")));
}

/**
 * The law of a checkout.
 * @param {string} root
 * @returns {Readonly<Record<string, Article>>} by folder, or by pattern of folders
 */
export const readLaw = (root) => readJson(join(root, LAW));

/**
 * Every package that the law speaks of and that is there, in the law's order: from the bottom up.
 * @param {string} root
 * @returns {readonly Package[]}
 */
export const readPackages = (root) =>
  Object.entries(readLaw(root)).flatMap(([key, article]) =>
    expand(root, key).map((folder) => ({
      ...article,
      key,
      folder,
      manifest: readJson(join(root, folder, "package.json")),
    })),
  );

/** The package that a module's name is of: "@netbind/remote" for "@netbind/remote/binding". */
export const packageOf = (name) =>
  name
    .split("/")
    .slice(0, name.startsWith("@") ? 2 : 1)
    .join("/");

/** Does one of the law's patterns allow a module's name, or a door of it? */
export const allows = (patterns, name) =>
  patterns.some((pattern) =>
    pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern || name.startsWith(`${pattern}/`),
  );

/** Does a pattern of the law's name a file of a package? "*" is a part of a name, "**" any folders. */
export function matchesFile(pattern, file) {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replace(/\*\*\/|\*/g, (found) => (found === "*" ? "[^/]*" : "(?:.*/)?"));
  return new RegExp(`^${source}$`).test(file);
}

/** The patterns that hold for a whole package: its own, and those of all its roots. */
const patternsOf = (one) => [...one.imports, ...Object.values(one.roots ?? {}).flatMap(({ imports }) => imports)];

/** The packages that the law lets a package lead to directly: by imports of any file, and by bundling. */
function next(packages, one) {
  const named = patternsOf(one).map((pattern) => (pattern.endsWith("*") ? pattern : packageOf(pattern)));
  return packages.filter(
    (other) =>
      other !== one && (allows(named, other.manifest.name) || (one.bundles ?? []).some((key) => key === other.key)),
  );
}

/**
 * The folders whose sources may be in what is built of one package: its own, and whatever the law lets it lead to.
 * @param {string} root
 * @param {string} folder
 * @returns {readonly string[]} sorted
 */
export function closureOf(root, folder) {
  const packages = readPackages(root);
  const found = new Set(packages.filter((one) => one.folder === folder));
  if (found.size === 0) throw new Error(`${LAW} has no entry for ${folder}: write one`);
  // A set hands out what is added to it while it is gone through.
  for (const one of found) for (const other of next(packages, one)) found.add(other);
  return [...found].map((one) => one.folder).sort();
}

/** The first circle that a package is in, as folders, or nothing. */
function circleFrom(packages, start) {
  const seen = new Set();
  const walk = (one, path) => {
    for (const other of next(packages, one)) {
      if (other === start) return [...path, start.folder];
      if (seen.has(other)) continue;
      seen.add(other);
      const found = walk(other, [...path, other.folder]);
      if (found) return found;
    }
    return undefined;
  };
  return walk(start, [start.folder]);
}

const FORM = { about: "string", imports: "array", external: "array", node: "boolean" };
const MORE = { roots: "object", bundles: "array", besideVms: "boolean", reserved: "boolean" };
const kindOf = (value) => (Array.isArray(value) ? "array" : typeof value);

/** What is wrong with the form of one entry. */
function formProblems(key, article) {
  const of = `${LAW}: ${key}`;
  const missing = Object.keys(FORM).filter((field) => !Object.hasOwn(article, field));
  const unknown = Object.keys(article).filter((field) => !Object.hasOwn({ ...FORM, ...MORE }, field));
  const wrong = Object.entries({ ...FORM, ...MORE }).filter(
    ([field, kind]) => Object.hasOwn(article, field) && kindOf(article[field]) !== kind,
  );
  return [
    ...missing.map((field) => `${of} has no "${field}": write it`),
    ...unknown.map((field) => `${of} has "${field}", which the law does not know: remove it`),
    ...wrong.map(([field, kind]) => `${of} has a "${field}" that is not of the type ${kind}: write it so`),
  ];
}

/** The workspace's folders, as pnpm gets them; the tests may import anything, and are not judged. */
const workspaceOf = (root) =>
  [...readFileSync(join(root, "pnpm-workspace.yaml"), "utf8").matchAll(/^ {2}- (\S+)$/gm)]
    .map(([, pattern]) => pattern)
    .filter((pattern) => pattern !== "test");

/** Folders of the workspace that the law does not speak of, whether they have a manifest or sources alone. */
function unnamed(root, packages) {
  const known = new Set(packages.map(({ folder }) => folder));
  const folders = workspaceOf(root).flatMap((pattern) =>
    pattern.endsWith("/*") && existsSync(join(root, pattern.slice(0, -2)))
      ? readdirSync(join(root, pattern.slice(0, -2))).map((name) => pattern.slice(0, -1) + name)
      : [pattern],
  );
  const holds = (folder) => ["package.json", "src"].some((name) => existsSync(join(root, folder, name)));
  return folders.filter((folder) => !known.has(folder) && holds(folder));
}

/** Patterns of a package that name nothing: no package here, or no door of it. */
function deadPatterns(packages, one) {
  const isDoor = (pattern, { manifest }) => {
    if (pattern.endsWith("*")) return allows([pattern], manifest.name);
    if (packageOf(pattern) !== manifest.name) return false;
    return (
      pattern === manifest.name || Object.hasOwn(manifest.exports ?? {}, `.${pattern.slice(manifest.name.length)}`)
    );
  };
  return patternsOf(one).filter((pattern) => !packages.some((other) => isDoor(pattern, other)));
}

/** What one package's entry names that is not there. */
function deadNames(root, packages, one) {
  const of = `${LAW}: ${one.key}`;
  const files = Object.keys(one.roots ?? {}).filter(
    (file) => !file.includes("*") && !existsSync(join(root, one.folder, file)),
  );
  const bundles = (one.bundles ?? []).filter((key) => !packages.some((other) => other.key === key));
  return [
    ...deadPatterns(packages, one).map(
      (name) => `${of} may import ${name}, which is not a package here or a door of one: remove it`,
    ),
    ...files.map((file) => `${of} has the root ${file}, which is not a file: remove it`),
    ...bundles.map((key) => `${of} bundles ${key}, which the law does not name: remove it`),
  ];
}

/**
 * What is wrong with the law itself.
 * @param {string} root
 * @returns {readonly string[]} a sentence for each
 */
export function lawProblems(root) {
  const law = readLaw(root);
  const form = Object.entries(law).flatMap(([key, article]) => formProblems(key, article));
  // Nothing else can be asked of an entry that has not the form of one.
  if (form.length > 0) return form;
  const packages = readPackages(root);
  const circle = packages.map((one) => circleFrom(packages, one)).find((found) => found !== undefined);
  return [
    ...Object.keys(law)
      .filter((key) => !law[key].reserved && !packages.some((one) => one.key === key))
      .map((key) => `${LAW}: ${key} has no package.json: make the package, or remove the entry`),
    ...packages.filter(({ reserved }) => reserved).map(({ key }) => `${LAW}: ${key} is there: remove "reserved"`),
    ...unnamed(root, packages).map(
      (folder) => `${folder}: ${LAW} has no entry for it, or it has no package.json: write it`,
    ),
    ...new Set(packages.flatMap((one) => deadNames(root, packages, one))),
    ...(circle ? [`${LAW}: goes in a circle, ${circle.join(" -> ")}: take one of these imports back`] : []),
  ];
}
