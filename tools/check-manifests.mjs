/**
 * Holds manifests and sources against `tools/import-law.json`, the law against itself, and lock files against naming a
 * host. Biome says the same of imports while one types; this finds what it does not see, such as `import("...")` in the
 * place of a type. Usage: check-manifests [ROOT]
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join } from "node:path";
import { ROOT, allows, lawProblems, matchesFile, packageOf, readPackages } from "./law.mjs";

const root = process.argv[2] ?? ROOT;
/** The modules that may work by path where VMs' users own directories, each with what it works on; "import" finds the others. */
const pathLaw = JSON.parse(readFileSync(join(root, "tools/path-law.json"), "utf8"));
const FILES = /^(node:)?fs(\/promises)?$/;
const BY_PATH =
  "works on files by path: use core/netns/src/files/root-files.ts, or HeldDirectory below a directory of a VM's user";
const IMPORT = /(?:\bfrom\s*|^import\s*)["']([^"'\n]+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/gm;

/** The sources of a package, as paths in it. */
const sourcesOf = (folder) =>
  ["src", "test"]
    .filter((name) => existsSync(join(root, folder, name)))
    .flatMap((name) => readdirSync(join(root, folder, name), { recursive: true }).map((file) => `${name}/${file}`))
    .filter((file) => /\.m?[jt]s$/.test(file));

/** Every import of a package: the file in it, and the name. */
const importsOf = (folder) =>
  sourcesOf(folder).flatMap((file) =>
    [...readFileSync(join(root, folder, file), "utf8").matchAll(IMPORT)].map(([, from, dynamic]) => ({
      file,
      name: from ?? dynamic,
    })),
  );

/** What a file of a package may import: the package's part of the law, and that of each root that the file is. */
function allowedIn(one, file) {
  const roots = Object.entries(one.roots ?? {}).filter(([pattern]) => matchesFile(pattern, file));
  return [one, ...roots.map(([, more]) => more)].flatMap(({ imports, external }) => [...imports, ...external]);
}

/** What is wrong with one import, or nothing. */
function importProblem(one, { file, name }) {
  const path = `${one.folder}/${file}`;
  if (name.startsWith(".")) {
    const isOwn = join(one.folder, dirname(file), name).startsWith(`${one.folder}/`);
    return isOwn ? undefined : `${path}: imports ${name} of another package by its path`;
  }
  if (isBuiltin(name)) {
    if (!one.node) return `${path}: ${one.folder} is pure and may not use ${name}`;
    return FILES.test(name) && one.besideVms && !Object.hasOwn(pathLaw, path) ? `${path}: ${BY_PATH}` : undefined;
  }
  if (packageOf(name) === one.manifest.name || allows(allowedIn(one, file), name)) return undefined;
  return `${path}: may not use ${name}: use what tools/import-law.json lets it, or change the law`;
}

/** Where what a package's sources use and what its manifest depends on are two things. */
function dependencyProblems(one, imports) {
  const { name: own, dependencies, peerDependencies, devDependencies } = one.manifest;
  const installed = { ...dependencies, ...peerDependencies };
  const where = `${one.folder}/package.json`;
  const isTest = (file) => /(^|\/)test\/|\.test\.m?[jt]s$/.test(file);
  const used = imports.filter(({ name }) => !name.startsWith(".") && !isBuiltin(name) && packageOf(name) !== own);
  const missing = used.filter(
    ({ file, name }) =>
      !Object.hasOwn(isTest(file) ? { ...installed, ...devDependencies } : installed, packageOf(name)),
  );
  const names = new Set(used.map(({ name }) => packageOf(name)));
  const mustBeUsed = [
    ...Object.keys(installed),
    ...Object.keys(devDependencies ?? {}).filter((name) => name.startsWith("@netbind/")),
  ];
  return [
    ...missing.map(
      ({ file, name }) => `${where}: src uses ${packageOf(name)} (${file}) without depending on it: add it`,
    ),
    ...mustBeUsed
      .filter((name) => !names.has(name))
      .map((name) => `${where}: depends on ${name}, which no source uses: remove it`),
  ];
}

function packageProblems(one) {
  const imports = importsOf(one.folder);
  const judged = imports.map((found) => importProblem(one, found)).filter((problem) => problem !== undefined);
  return [...new Set([...judged, ...dependencyProblems(one, imports)])];
}

function lockProblem(lock) {
  if (!existsSync(join(root, lock))) return [];
  const text = readFileSync(join(root, lock), "utf8").replace(/"(funding|url|homepage)":.*$/gm, "");
  return [...text.matchAll(/https?:\/\/\S+/g)].slice(0, 1).map(([host]) => `${lock}: names a host: ${host}`);
}

function pathLawProblem(path) {
  const text = existsSync(join(root, path)) ? readFileSync(join(root, path), "utf8") : "";
  return /["'](node:)?fs(\/promises)?["']/.test(text)
    ? []
    : [`tools/path-law.json: ${path} works on no files: remove it`];
}

const ofLaw = lawProblems(root);
const problems = [
  ...ofLaw,
  // A law that is wrong itself says nothing of the packages.
  ...(ofLaw.length > 0 ? [] : readPackages(root).flatMap(packageProblems)),
  ...["pnpm-lock.yaml", "tools/package-lock.json", "sidecars/images/lock.json"].flatMap(lockProblem),
  ...Object.keys(pathLaw).flatMap(pathLawProblem),
];
for (const problem of problems) console.error(problem);
process.exit(problems.length === 0 ? 0 : 1);
