/** Every change that users notice is announced in a form that the release tool reads. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const FOLDERS = ["core", "plugins", "sidecars", "proto"] as const;

const nameIn = (directory: string): readonly string[] => {
  try {
    return [(JSON.parse(readFileSync(`${ROOT}${directory}/package.json`, "utf8")) as { readonly name: string }).name];
  } catch {
    return [];
  }
};
const packages = new Set(
  FOLDERS.flatMap((folder) => [
    ...nameIn(folder),
    ...readdirSync(`${ROOT}${folder}`).flatMap((name) => nameIn(`${folder}/${name}`)),
  ]),
);

/** What is wrong with a changeset: its packages and kinds stand between two lines of dashes, and a sentence follows. */
function problemsOf(text: string): readonly string[] {
  const lines = text.split("\n");
  const end = lines.indexOf("---", 1);
  if (lines[0] !== "---" || end === -1) return ["no front matter"];
  const entries = lines
    .slice(1, end)
    .map((line) => /^"(@netbind\/[a-z-]+)": (?:patch|minor|major)$/.exec(line)?.[1] ?? line);
  const unknown = entries.filter((name) => !packages.has(name)).map((name) => `not a package: ${name}`);
  const printed = lines.slice(end + 1).some((line) => line.trim() !== "");
  return [...(entries.length === 0 ? ["no package"] : []), ...unknown, ...(printed ? [] : ["no sentence"])];
}

const changesets = readdirSync(`${ROOT}.changeset`).filter((name) => name.endsWith(".md"));

test("there are changesets, and each names packages of this workspace", () => {
  expect(changesets.length).toBeGreaterThan(0);
  const wrong = changesets.flatMap((name) =>
    problemsOf(readFileSync(`${ROOT}.changeset/${name}`, "utf8")).map((problem) => `${name}: ${problem}`),
  );
  expect(wrong).toEqual([]);
});

test.each([
  ["a heading in the place of its packages", '---\n\n## "@netbind/cli": minor\n\nA sentence.\n'],
  ["a package of nobody's", '---\n"@netbind/nobody": minor\n---\n\nA sentence.\n'],
  ["no sentence", '---\n"@netbind/cli": minor\n---\n\n'],
])("%s is seen", (_, text) => expect(problemsOf(text)).not.toEqual([]));
