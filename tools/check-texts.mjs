/**
 * Looks for what no file may tell a person or a shell to do: to run whatever a registry has under a name that anybody may take.
 * `node tools/check-texts.mjs [ROOT]`
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
const problems = files.flatMap((file) =>
  [...textOf(file).matchAll(FETCHES)].map(
    ([found]) => `${file}: "${found.slice(0, 80)}" may fetch a package of anybody's: write ./netbind`,
  ),
);
for (const problem of problems) console.error(problem);
process.exit(problems.length > 0 || files.length === 0 ? 1 : 0);
