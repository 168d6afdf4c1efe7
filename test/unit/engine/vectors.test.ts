/** KubeVirt's own answers, where NETBIND_VECTORS names a folder with them (test/vectors.md). */
import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { COMPARISONS } from "../../vectors/comparisons.ts";
import { DEVIATIONS } from "../../vectors/deviations.ts";
import { readVectors } from "../../vectors/read.ts";
import { isSound, showSummary, summarise } from "../../vectors/report.ts";

const folder = process.env["NETBIND_VECTORS"] ?? "";
const absent = !existsSync(folder);
if (absent) console.log("skipped: NETBIND_VECTORS names no folder with KubeVirt's answers");

test.skipIf(absent)("every answer is KubeVirt's, or differs for a listed reason", () => {
  const summary = summarise(readVectors(folder), COMPARISONS);
  expect(isSound(summary), showSummary(summary)).toBe(true);
});

test("the reasons to differ are few, and every one is a sentence", () => {
  expect(Object.keys(DEVIATIONS).length).toBeLessThanOrEqual(40);
  for (const { reason } of Object.values(DEVIATIONS)) expect(reason).toMatch(/^[A-Za-z].{20,}\.$/);
});

test("the runner fails a wrong answer, an unknown kind, an unlisted reason and an empty folder", () => {
  const vector = { id: "a", kind: "k", input: {}, result: {} };
  const run = (comparison: () => never): boolean => isSound(summarise([vector], { k: comparison }));
  expect(isSound(summarise([], {}))).toBe(false);
  expect(isSound(summarise([vector], {}))).toBe(false);
  expect(run(() => ({ verdict: "agreed" }) as never)).toBe(true);
  expect(run(() => ({ verdict: "failed", why: "x" }) as never)).toBe(false);
  expect(run(() => ({ verdict: "deviating", deviations: ["NONE"] }) as never)).toBe(false);
  expect(
    run(() => ({ verdict: "deviating", deviations: ["RESUME"] }) as never),
    "one of one is more than 3 %",
  ).toBe(false);
});
