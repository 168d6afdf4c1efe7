/**
 * Who may depend on whom, checked in manifests and in sources, and lock files without a host. Biome says the same of
 * imports while one types; this finds what it does not see, such as `import("...")` in the place of a type.
 * Usage: check-manifests [ROOT]
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const tools = dirname(fileURLToPath(import.meta.url));
const root = process.argv[2] ?? dirname(tools);
const law = JSON.parse(readFileSync(join(tools, "import-law.json"), "utf8"));
/** The modules that may work by path where VMs' users own directories, each with what it works on; "import" finds the others. */
const pathLaw = JSON.parse(readFileSync(join(tools, "path-law.json"), "utf8"));
const FILES = /^(node:)?fs(\/promises)?$/;
/** The packages that run as root beside VMs. */
const BESIDE_VMS = ["core/local", "core/netns"];
const BY_PATH = "works on files by path: use core/local/src/root-files.ts, or HeldDirectory below a directory of a VM's user";
/** Packages that only some may use. */
const reserved = { "@grpc/grpc-js": ["proto", "core/remote"], tsyringe: ["core/cli", "core/kube"], "@grpc/proto-loader": ["core/cli"] };
/** Folders without I/O. */
const pure = ["core/contract", "core/engine", "plugins/"];
/** The files in which all is put together: nothing else in the core knows a plugin. */
const COMPOSITION_ROOTS = new Set(["core/cli/src/compose.ts", "core/kube/src/agent/main.ts"]);
const problems = [];

const allows = (patterns, name) =>
  patterns.some((pattern) => (pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name));
const folders = Object.keys(law).flatMap((folder) =>
  folder.endsWith("/*")
    ? readdirSync(join(root, folder.slice(0, -2))).map((name) => [folder.slice(0, -1) + name, law[folder]])
    : [[folder, law[folder]]],
);

/** Judges one name that a folder imports or depends on. */
function judge(folder, name, where, own) {
  const packageName = name.startsWith("@") ? name.split("/").slice(0, 2).join("/") : name.split("/")[0];
  if (packageName.startsWith("@netbind/") && packageName !== own && !allows(law[folder] ?? law["plugins/*"], packageName))
    problems.push(`${where}: ${folder} may not use ${packageName}`);
  if (reserved[packageName] && !reserved[packageName].includes(folder)) problems.push(`${where}: ${folder} may not use ${packageName}`);
  if (pure.some((prefix) => folder.startsWith(prefix)) && !packageName.startsWith("@netbind/"))
    problems.push(`${where}: ${folder} is pure and may not use ${name}`);
}

for (const [folder] of folders) {
  const manifest = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
  for (const name of Object.keys(manifest.dependencies ?? {})) judge(folder, name, `${folder}/package.json`, manifest.name);
  const sources = existsSync(join(root, folder, "src"))
    ? readdirSync(join(root, folder, "src"), { recursive: true }).filter((file) => file.endsWith(".ts"))
    : [];
  for (const file of sources) {
    const path = `${folder}/src/${file}`;
    const text = readFileSync(join(root, path), "utf8");
    for (const [, from, dynamic] of text.matchAll(/(?:\bfrom\s*|^import\s*)["']([^"'\n]+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/gm)) {
      const name = from ?? dynamic;
      if (name.startsWith(".")) {
        if (join(folder, "src", dirname(file), name).startsWith(`${folder}/`)) continue;
        problems.push(`${path}: imports ${name} of another package by its path`);
      } else judge(folder, name, path, manifest.name);
      if (FILES.test(name) && BESIDE_VMS.includes(folder) && !Object.hasOwn(pathLaw, path)) problems.push(`${path}: ${BY_PATH}`);
      const plugin = name.startsWith("@netbind/plugin-");
      if (plugin && folder.startsWith("core/") && !COMPOSITION_ROOTS.has(path))
        problems.push(`${path}: only a composition root may import plugins`);
    }
  }
}

for (const lock of ["pnpm-lock.yaml", "tools/package-lock.json", "sidecars/images/lock.json"]) {
  const found = existsSync(join(root, lock))
    ? /https?:\/\/\S+/.exec(readFileSync(join(root, lock), "utf8").replace(/"(funding|url|homepage)":.*$/gm, ""))
    : null;
  if (found) problems.push(`${lock}: names a host: ${found[0]}`);
}

for (const path of Object.keys(pathLaw)) {
  const text = existsSync(join(root, path)) ? readFileSync(join(root, path), "utf8") : "";
  if (!/["'](node:)?fs(\/promises)?["']/.test(text)) problems.push(`tools/path-law.json: ${path} works on no files: remove it`);
}

for (const problem of problems) console.error(problem);
process.exit(problems.length === 0 ? 0 : 1);
