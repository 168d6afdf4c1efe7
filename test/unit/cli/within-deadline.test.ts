import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { DeadlineError } from "../../../core/cli/src/errors.ts";
import { readFiles } from "../../../core/cli/src/input/read-files.ts";
import { withinDeadline } from "../../../core/cli/src/input/within-deadline.ts";

test("what is done in time is what it gives, and what it throws", () => {
  expect(withinDeadline(10_000, () => ["done"])).toEqual(["done"]);
  expect(withinDeadline(10_000, () => undefined)).toBe(undefined);
  const own = new RangeError("own");
  expect(() =>
    withinDeadline(10_000, () => {
      throw own;
    }),
  ).toThrow(own);
});

test.each<readonly [string, () => unknown]>([
  [
    "a loop",
    () => {
      for (;;);
    },
  ],
  ["a regular expression", () => /^(?:\s*(?:[#%].*)?\n)*$/.test(`${"\n".repeat(60)}x`)],
])("%s that does not end is stopped", (_, work) => {
  expect(() => withinDeadline(50, work)).toThrow(DeadlineError);
});

test("a file that is not read in time is refused by its name, and the others are read", () => {
  const directory = mkdtempSync(join(tmpdir(), "netbind-deadline-"));
  try {
    const [slow, quick] = [join(directory, "slow.yaml"), join(directory, "quick.yaml")];
    writeFileSync(slow, "a: b\n".repeat(1).concat(Array.from({ length: 200_000 }, (__, at) => `c${at}: d\n`).join("")));
    writeFileSync(quick, "kind: List\napiVersion: v1\nitems: []\n");
    const { violations, documents } = readFiles([slow], { deadline: 1 });
    expect(violations).toMatchObject([{ file: slow, line: 1, problem: "it was not read within 0.001 seconds" }]);
    expect(documents).toEqual([]);
    expect(readFiles([quick]).violations).toEqual([]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
