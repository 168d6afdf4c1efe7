/** Pages that say what the code does: made from it, or checked against it. */
import { readFileSync } from "node:fs";
import { FIELDS, ALL_RULES } from "@netbind/engine";
import { expect, test } from "vitest";
import { rulesPage } from "../../support/pages.ts";
import { DEVIATIONS } from "../../vectors/deviations.ts";

const page = (name: string): string => readFileSync(new URL(`../../../core/engine/${name}`, import.meta.url), "utf8");

test("the page of rules is made from the rules", async () => {
  await expect(rulesPage()).toMatchFileSnapshot("../../../core/engine/RULES.md");
});

test("every difference from KubeVirt is on its page", () => {
  const text = page("DIFFERENCES.md");
  for (const id of Object.keys(DEVIATIONS)) expect(text, id).toMatch(new RegExp(`^\\| ([\\w-]+, )*${id}[ ,]`, "m"));
});

test("every rule is a field's, and every rule of a field is there", () => {
  const named = new Set(FIELDS.flatMap(({ rules }) => rules));
  expect(ALL_RULES.map(({ id }) => id).filter((id) => !named.has(id))).toEqual([]);
  expect([...named].filter((id) => !ALL_RULES.some((rule) => rule.id === id))).toEqual([]);
});
