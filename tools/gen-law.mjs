/**
 * Writes what follows from `tools/import-law.json`: Biome's overrides, TypeScript's references, ARCHITECTURE.md's table.
 * With --check it writes nothing, and fails where a file differs from what it would write.
 * Usage: gen-law [--check] [ROOT]
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { ROOT, readPackages } from "./law.mjs";

/** As wide as Biome writes a line (biome.json). */
const LINE_WIDTH = 120;
const MESSAGE = "the import law (tools/import-law.json) does not let this file use that";
/** What Biome reads as: all, but for what is in the package itself. */
const NOTHING = "**";
const OWN = ["!./**", "!../**"];
const TABLE = /(<!-- generated from tools\/import-law\.json -->\n)[\s\S]*?(\n<!-- end of what is generated -->)/;

/**
 * Prints JSON as Biome leaves it: objects over lines, a list in one line where it fits and holds no object.
 * @param {unknown} value
 * @param {string} indent  what stands before the line
 * @param {number} before  characters in the line before the value
 */
function printJson(value, indent = "", before = 0) {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    const line = `[${value.map((one) => JSON.stringify(one)).join(", ")}]`;
    // One more for the comma that may follow.
    if (value.every((one) => typeof one !== "object") && before + line.length + 1 <= LINE_WIDTH) return line;
    return `[\n${value.map((one) => inner + printJson(one, inner, inner.length)).join(",\n")}\n${indent}]`;
  }
  const fields = Object.entries(value).map(([name, one]) => {
    const start = `${inner}${JSON.stringify(name)}: `;
    return start + printJson(one, inner, start.length);
  });
  return fields.length === 0 ? "{}" : `{\n${fields.join(",\n")}\n${indent}}`;
}

/** What one or more files may import, as Biome's override. */
function override(includes, { imports, external, node }) {
  const open = [...imports, ...external].flatMap((name) =>
    name.endsWith("*") ? [`!${name}`] : [`!${name}`, `!${name}/**`],
  );
  const group = [NOTHING, ...open, ...(node ? ["!node:*"] : []), ...OWN];
  const restricted = { level: "error", options: { patterns: [{ group, message: MESSAGE }] } };
  const pure = node ? {} : { correctness: { noNodejsModules: "error" } };
  return { includes, linter: { rules: { style: { noRestrictedImports: restricted }, ...pure } } };
}

/** Biome's overrides of one entry of the law: the package without its roots, and each root. */
function overridesOf({ key, imports, external, node, roots = {} }) {
  const files = Object.keys(roots);
  const own = override([`${key}/src/**`, ...files.map((file) => `!${key}/${file}`)], { imports, external, node });
  const more = files.map((file) => {
    const allowed = {
      imports: [...imports, ...roots[file].imports],
      external: [...external, ...roots[file].external],
      node,
    };
    return override([`${key}/${file}`], allowed);
  });
  return [own, ...more];
}

const isOfLaw = (one) => one.linter?.rules?.style?.noRestrictedImports !== undefined;

/** biome.json with the law's overrides before those written by hand, which are the ones that restrict no imports. */
function biomeConfig(text, packages) {
  const config = JSON.parse(text);
  const entries = packages.filter((one, at) => packages.findIndex(({ key }) => key === one.key) === at);
  const byHand = (config.overrides ?? []).filter((one) => !isOfLaw(one));
  return printJson({ ...config, overrides: [...entries.flatMap(overridesOf), ...byHand] });
}

/** A project's references: the packages that its manifest depends on, so that types resolve by what it really has. */
function projectConfig(text, one, projects) {
  const { references: _, ...config } = JSON.parse(text);
  const wanted = { ...one.manifest.dependencies, ...one.manifest.peerDependencies, ...one.manifest.devDependencies };
  const references = projects
    .filter(({ manifest }) => Object.hasOwn(wanted, manifest.name))
    .map(({ folder }) => ({ path: relative(one.folder, folder) }));
  return printJson({ ...config, ...(references.length > 0 ? { references } : {}) });
}

const solutionConfig = (text, projects) =>
  printJson({ ...JSON.parse(text), references: projects.map(({ folder }) => ({ path: folder })) });

/** A table of Markdown with columns of one width. */
function printTable(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(" | ")} |`;
  return [line(rows[0]), line(widths.map((width) => "-".repeat(width))), ...rows.slice(1).map(line)].join("\n");
}

/** Names of the law for a reader, without what all of this workspace's begin with. */
const names = ({ imports, external }) =>
  [...imports.map((name) => name.replace("@netbind/", "")), ...external].join(", ").replaceAll("*", "\\*");

function rowOf(one) {
  const roots = Object.entries(one.roots ?? {}).map(([file, more]) => `\`${file}\` also ${names(more)}`);
  return [`\`${one.key}\``, one.about, [names(one) || "nothing", ...roots].join("; ")];
}

function architecture(text, packages) {
  if (!TABLE.test(text))
    throw new Error("ARCHITECTURE.md has no place for the import law's table: put the two comments back");
  const entries = packages.filter((one, at) => packages.findIndex(({ key }) => key === one.key) === at);
  const table = printTable([["package", "what it is", "may import"], ...entries.map(rowOf)]);
  return text.replace(TABLE, (_, start, end) => `${start}\n${table}\n${end}`);
}

/** Every file that follows from the law: its path, and a function that makes its new text of the one that it has. */
function generated(root) {
  const packages = readPackages(root);
  const projects = packages.filter(({ folder }) => existsSync(join(root, folder, "tsconfig.json")));
  return [
    ["biome.json", (text) => `${biomeConfig(text, packages)}\n`],
    ["tsconfig.json", (text) => `${solutionConfig(text, projects)}\n`],
    ...projects.map((one) => [`${one.folder}/tsconfig.json`, (text) => `${projectConfig(text, one, projects)}\n`]),
    ["ARCHITECTURE.md", (text) => architecture(text, packages)],
  ];
}

const args = process.argv.slice(2);
const root = args.find((one) => !one.startsWith("--")) ?? ROOT;
for (const [file, make] of generated(root)) {
  const text = readFileSync(join(root, file), "utf8");
  const wanted = make(text);
  if (text === wanted) continue;
  if (args.includes("--check")) {
    console.error(`${file} differs from what follows from tools/import-law.json and the manifests: run "npm run gen"`);
    process.exitCode = 1;
  } else writeFileSync(join(root, file), wanted);
}
