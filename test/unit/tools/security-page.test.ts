import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const page = readFileSync(`${root}docs/security.md`, "utf8");

/** The tests that a text of the page names: "`kernel/mesh`", "`e2e/users`: "two VMs", "another"". */
function namedTests(text: string): readonly { readonly file: string; readonly names: readonly string[] }[] {
  return [...text.matchAll(/`((?:unit|kernel|api|cluster|e2e|nested|slow)\/[a-z0-9/-]+)`((?:(?::|,) "[^"]+")*)/g)].map(
    ([, file = "", names = ""]) => ({
      file,
      names: [...names.matchAll(/"([^"]+)"/g)].map(([, name = ""]) => name),
    }),
  );
}

/** Rows of the tables whose second column says which test proves the first. */
const boundaries = page
  .split("\n## ")
  .slice(1)
  .flatMap((part) => part.split("\n").filter((line) => line.startsWith("| ") && !/^\| (?:---|boundary)/.test(line)));

const files = new Set(
  readdirSync(`${root}test`, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => name.replace(/\.test\.ts$/, "")),
);

test("the page has boundaries", () => expect(boundaries.length).toBeGreaterThan(30));

test.each(boundaries.map((row) => [row]))("each boundary names a test that is there: %s", (row) => {
  const tests = namedTests(row);
  expect(tests.length).toBeGreaterThan(0);
  for (const { file, names } of tests) {
    expect(files).toContain(file);
    const text = readFileSync(`${root}test/${file}.test.ts`, "utf8");
    for (const name of names) expect(text, `${file} has a test of this name`).toContain(name);
  }
});
