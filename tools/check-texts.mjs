/**
 * Looks for what no file may tell a person or a shell to do: to run whatever a registry has under a name that anybody may take.
 * And for lines of prose that are too long, in pages. `node tools/check-texts.mjs [ROOT]`
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = process.argv[2] ?? dirname(dirname(fileURLToPath(import.meta.url)));
/** What runs a package, and fetches it where it is not there. */
const FETCHES = /\b(?:npx|pnpx|bunx|(?:npm|pnpm|yarn) (?:exec|dlx|x)|bun x)\b(?!\s+--no-install\b)[^\n]*/g;

const { stdout } = spawnSync("git", ["-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
  encoding: "utf8",
  maxBuffer: 64 * 1024 * 1024,
});
const files = stdout
  .split("\0")
  .filter((name) => name !== "" && !/(^|\/)(pnpm-lock\.yaml|package-lock\.json)$|^tools\/check-texts\.mjs$/.test(name));
const textOf = (file) => {
  try {
    return readFileSync(join(root, file), "utf8");
  } catch {
    // Removed, and not yet committed so.
    return "";
  }
};
/** Columns of a line of prose, at most. */
const COLUMNS = 120;
const PAGES = /^(?:README|ARCHITECTURE|CONTRIBUTING)\.md$|^docs\/[^/]+\.md$|^(?:(?:core|plugins)\/[^/]+|proto|sidecars)\/README\.md$/;

/** The lines of a page's prose that are too long. Fences, tables and comments are as long as they are. */
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

const fetching = files.flatMap((file) =>
  [...textOf(file).matchAll(FETCHES)].map(
    ([found]) => `${file}: "${found.slice(0, 80)}" may fetch a package of anybody's: write ./netbind`,
  ),
);
const problems = [...fetching, ...files.filter((file) => PAGES.test(file)).flatMap(findLong)];
for (const problem of problems) console.error(problem);
process.exit(problems.length > 0 || files.length === 0 ? 1 : 0);
