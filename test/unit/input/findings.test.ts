/** What is found in documents of the kinds that people ask about most, and that nothing is found in the right ones. */
import { readdirSync, readFileSync } from "node:fs";

import { expect, test } from "vitest";
import { parseText } from "../../../core/input/src/documents.ts";
import { type Input, inputOf } from "../../../core/input/src/input.ts";
import { validateInput } from "../../../core/input/src/validate-input.ts";
import { OWN_BINDINGS } from "../../support/cases/own-bindings.ts";

const FOLDER = new URL("../../findings/", import.meta.url);
const names = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".yaml"))
  .map((name) => name.replace(/\.yaml$/, ""));
const wrong = names.filter((name) => !name.endsWith("-right"));

function inputIn(name: string): Input {
  const file = `${name}.yaml`;
  return inputOf(parseText(file, readFileSync(new URL(file, FOLDER), "utf8")), file);
}

const found = (name: string): string =>
  validateInput(inputIn(name), { operation: "create" }, OWN_BINDINGS)
    .map(({ line, rule, consequence, field, problem, fix }) => `${line} ${rule} (${consequence}) ${field}\n  ${problem}\n  ${fix}\n`)
    .join("");

test.each(wrong)("%s: every mistake is found, once, where it stands", async (name) => {
  await expect(found(name)).toMatchFileSnapshot(new URL(`${name}.txt`, FOLDER).pathname);
  expect(found(name)).not.toBe("");
});

test.each(names.filter((name) => name.endsWith("-right")))("%s: nothing is found", (name) => {
  expect(found(name)).toBe("");
});
