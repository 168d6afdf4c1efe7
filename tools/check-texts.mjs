/**
 * Checks the texts of the tree: `node tools/check-texts.mjs [ROOT]`. Refused are
 * - a command that fetches whatever package a registry has under a name that anybody may take;
 * - prose lines of pages that are too long;
 * - retired identifiers, phrases and spellings (retired-words.json), in texts and in names of files.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = process.argv[2] ?? dirname(dirname(fileURLToPath(import.meta.url)));
/** What runs a package, and fetches it where it is not there. */
const FETCHES = /\b(?:npx|pnpx|bunx|(?:npm|pnpm|yarn) (?:exec|dlx|x)|bun x)\b(?!\s+--no-install\b)[^\n]*/g;
/** Columns of a line of prose, at most. */
const COLUMNS = 120;
const PAGES =
  /^(?:README|ARCHITECTURE|CONTRIBUTING)\.md$|^docs\/[^/]+\.md$|^(?:(?:core|plugins)\/[^/]+|proto|sidecars)\/README\.md$/;
const LOCKS = /(?:^|\/)(?:pnpm-lock\.yaml|package-lock\.json)$/;
/** Texts that are not the project's own words: generated ones, KubeVirt's answers, and the list of the words itself. */
const FOREIGN =
  /^proto\/src\/gen\/|^test\/vectors\/.*\.jsonl?$|^tools\/retired-words\.json$|\.(?:lock|lock\.json|sum)$/;

const { stdout } = spawnSync("git", ["-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
  encoding: "utf8",
  maxBuffer: 64 * 1024 * 1024,
});
const files = stdout.split("\0").filter((name) => name !== "" && !LOCKS.test(name));
const textOf = (file) => {
  try {
    return readFileSync(join(root, file), "utf8");
  } catch {
    // Removed, and not yet committed so.
    return "";
  }
};

const findFetching = (file) =>
  [...textOf(file).matchAll(FETCHES)].map(
    ([found]) => `${file}: "${found.slice(0, 80)}" may fetch an untrusted package: write ./netbind`,
  );

/** The lines of a page's prose that are too long. Fences, tables and comments may have any length. */
function findLong(file) {
  const found = [];
  let fenced = false;
  for (const [at, line] of textOf(file).split("\n").entries()) {
    if (line.startsWith("```")) fenced = !fenced;
    else if (!fenced && line.length > COLUMNS && !/^(?:\||<!--)/.test(line))
      found.push(`${file}: line ${at + 1} has ${line.length} columns: break prose after at most ${COLUMNS}`);
  }
  return found;
}

const retired = JSON.parse(readFileSync(new URL("retired-words.json", import.meta.url), "utf8"));
const escaped = (word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const anyOf = (words) => words.map(escaped).join("|");
/** What is refused, and a function from what was found to what to write instead. */
const REFUSED = [
  {
    pattern: new RegExp(`(?<![\\w-])(?:${anyOf(Object.keys(retired.identifiers))})(?![\\w-])`, "g"),
    instead: (found) => retired.identifiers[found],
  },
  {
    pattern: new RegExp(anyOf(Object.keys(retired.spelling)), "gi"),
    instead: (found) => retired.spelling[found.toLowerCase()],
  },
  ...Object.entries(retired.phrases).map(([source, words]) => ({
    pattern: new RegExp(source, "gi"),
    instead: () => words,
  })),
];

/** The retired words in a text, each with its place; `quoted` texts are KubeVirt's own words. */
function findRetired(where, text) {
  const own = retired.quoted.reduce((left, quoted) => left.replaceAll(quoted, " ".repeat(quoted.length)), text);
  return REFUSED.flatMap(({ pattern, instead }) =>
    [...own.matchAll(pattern)].map(
      ({ 0: found, index }) =>
        `${where(own.slice(0, index).split("\n").length)}: "${found.replace(/\s+/g, " ")}" is retired: write ${instead(found)}`,
    ),
  );
}

const problems = [
  ...files.filter((file) => file !== "tools/check-texts.mjs").flatMap(findFetching),
  ...files.filter((file) => PAGES.test(file)).flatMap(findLong),
  ...files
    .filter((file) => !FOREIGN.test(file))
    .flatMap((file) => [
      ...findRetired(() => file, file),
      ...findRetired((line) => `${file}: line ${line}`, textOf(file)),
    ]),
];
for (const problem of problems) console.error(problem);
process.exit(problems.length > 0 || files.length === 0 ? 1 : 0);
