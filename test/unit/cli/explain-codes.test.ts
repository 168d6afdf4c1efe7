/** Whatever stands in brackets before a message, and whatever a program reads as a code, can be explained. */
import { readdirSync, readFileSync } from "node:fs";
import { ERROR_CODES } from "@netbind/contract";
import { ALL_CHECKS, explain, RULES } from "@netbind/kubevirt/admission";
import { expect, test } from "vitest";
import { codeOfError, ERRORS_BY_CODE, NAMED_ERRORS } from "../../../core/cli/src/error-codes.ts";
import { useNetbind } from "../../support/guest/use-netbind.ts";

const netbind = useNetbind();

const CORE = new URL("../../../core/", import.meta.url);
/** Packages whose errors do not reach the command. */
const OTHERS = ["agent", "controller"];

function sourcesOf(name: string): readonly string[] {
  const folder = new URL(`${name}/src/`, CORE);
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => readFileSync(new URL(file, folder), "utf8"));
}

const SOURCES = readdirSync(CORE)
  .filter((name) => !OTHERS.includes(name))
  .flatMap(sourcesOf);
const found = (pattern: RegExp): readonly string[] => [
  ...new Set(SOURCES.flatMap((text) => Array.from(text.matchAll(pattern), ([, word = ""]) => word))),
];

test("every id of a rule or a check in the sources is explained", () => {
  const ids = found(/\b(?:id|rule): "([A-Z][A-Za-z0-9-]*)"/g).filter((id) => /^[A-Z]/.test(id));
  expect(ids.length).toBeGreaterThan(60);
  expect(ids.filter((id) => !explain(id, []).rules.some((rule) => rule.id === id))).toEqual([]);
  for (const { id } of [...RULES, ...ALL_CHECKS]) expect(explain(id, []).rules.map((rule) => rule.id)).toContain(id);
});

test("every error of the sources has a code of its own, which is explained", () => {
  const classes = found(/class (\w+Error) extends Error\b/g).filter(
    (name) => name !== "BindingError" && name !== "ListenError",
  );
  expect(classes.length).toBeGreaterThan(15);
  expect(classes.filter((name) => !NAMED_ERRORS.includes(name))).toEqual([]);
  const codes = NAMED_ERRORS.map((name) => codeOfError(Object.assign(new Error("x"), { name })));
  expect(new Set(codes).size).toBe(NAMED_ERRORS.length);
  for (const code of [...codes, ...ERROR_CODES, codeOfError(new Error("x")), codeOfError("thrown")])
    expect(ERRORS_BY_CODE.get(code), code).toMatchObject({
      means: expect.stringMatching(/\.$/),
      fix: expect.anything(),
    });
});

test("explain takes the word as it is printed, with its brackets", async () => {
  for (const word of ["SCHEMA", "[SCHEMA]", "admit", "[PLAN_IMPOSSIBLE]", "vm_not_found", "IGNORE", "HOST-DISK"]) {
    const { code, stdout } = await netbind(["explain", word]);
    expect([code, stdout], word).toEqual([0, expect.stringContaining("fix:")]);
  }
});
