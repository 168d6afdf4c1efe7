/**
 * Every regular expression of what is released takes time in proportion to its text, by a checker that searches for a text
 * that makes it slow: whatever is matched may come from a guest, a plugin, a pod or a document.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type CallExpression, type NewExpression, parseSync, Visitor } from "oxc-parser";
import { checkSync } from "recheck";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
/** A checker that was not done is one that found nothing: it has time, on a machine that does something else too. */
const PATTERN_TIMEOUT = 60_000;

interface Expression {
  readonly pattern: string;
  readonly flags: string;
  readonly place: string;
}

const isSource = (path: string): boolean =>
  /^(core|plugins)\/[^/]+\/src\/.*\.ts$|^(sidecars|proto)\/src\/.*\.ts$/.test(path);
const sources = (): readonly string[] =>
  ["core", "plugins", "sidecars", "proto"].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .map((name) => `${folder}/${name}`)
      .filter(isSource),
  );

/** The literals of a text, and the places where one is made of a text instead. */
function expressionsOf(
  place: string,
  text: string,
): { readonly literals: readonly Expression[]; readonly made: readonly string[] } {
  const literals: Expression[] = [];
  const made: string[] = [];
  const lineOf = (at: number): string => `${place}:${text.slice(0, at).split("\n").length}`;
  const seeCall = ({ callee, start }: NewExpression | CallExpression): void => {
    if (callee.type === "Identifier" && callee.name === "RegExp") made.push(lineOf(start));
  };
  new Visitor({
    Literal: (node) => {
      if ("regex" in node) literals.push({ ...node.regex, place: lineOf(node.start) });
    },
    NewExpression: seeCall,
    CallExpression: seeCall,
  }).visit(parseSync(place, text).program);
  return { literals, made };
}

/** What is wrong with an expression; none where it is linear. */
function slowness({ pattern, flags, place }: Expression): readonly string[] {
  const found = checkSync(pattern, flags, { timeout: PATTERN_TIMEOUT });
  if (found.status === "safe") return [];
  return [
    `${place}: /${pattern}/${flags}: ${found.status} ${found.status === "vulnerable" ? found.complexity.summary : found.error.kind}`,
  ];
}

const { version } = createRequire(import.meta.url)("recheck/package.json") as { readonly version: string };
/** What this version of the checker found to be linear: it searches for seconds, and finds the same each time. */
const KNOWN = join(ROOT, `node_modules/.cache/netbind-linear-regexes-${version}.json`);

function readKnown(): ReadonlySet<string> {
  try {
    return new Set(JSON.parse(readFileSync(KNOWN, "utf8")) as readonly string[]);
  } catch {
    return new Set();
  }
}

/** What is wrong with expressions, each looked at once, whatever its text. */
function slownessOf(expressions: readonly Expression[]): readonly string[] {
  const unique = new Map(expressions.map((one) => [`/${one.pattern}/${one.flags}`, one]));
  const known = readKnown();
  const found = [...unique].map(([text, one]) => ({ text, slow: known.has(text) ? [] : slowness(one) }));
  mkdirSync(dirname(KNOWN), { recursive: true });
  writeFileSync(KNOWN, JSON.stringify(found.flatMap(({ text, slow }) => (slow.length === 0 ? [text] : []))));
  return found.flatMap(({ slow }) => slow);
}

test("no regular expression takes more time than in proportion to its text", { timeout: 600_000 }, () => {
  const found = sources().map((file) => expressionsOf(file, readFileSync(join(ROOT, file), "utf8")));
  const literals = found.flatMap((one) => one.literals);
  expect(literals.length).toBeGreaterThan(100);
  expect(slownessOf(literals)).toEqual([]);
  expect(found.flatMap((one) => one.made)).toEqual([]);
});

test("one that is slow is found each time, beside those that are known", () => {
  const slow = { pattern: "^(?:a*)*$", flags: "", place: "planted.ts:1" };
  const linear = { pattern: "^a$", flags: "", place: "planted.ts:2" };
  const before = readFileSync(KNOWN, "utf8");
  for (let at = 0; at < 2; at++) expect(slownessOf([slow, linear])).toEqual([expect.stringContaining("planted.ts:1")]);
  writeFileSync(KNOWN, before);
});

test.each([
  ["what once cut documents", /^(?:\s*(?:[#%].*)?\n)*$/],
  ["white space at the end", /\s*$/],
  ["what begins anywhere", /([^\s()]+:\d+:\d+)\)?$/],
])("the checker sees %s", (place, { source: pattern, flags }) => {
  expect(slowness({ pattern, flags, place })).toHaveLength(1);
});

test("the checker sees literals wherever they stand, and expressions that are made of texts", () => {
  const text =
    "const f = (x: string) => x\n  .replace(/a+$/g, '');\nconst g = new RegExp(f('b'));\nconst h = RegExp('c');\n";
  expect(expressionsOf("planted.ts", text)).toEqual({
    literals: [{ pattern: "a+$", flags: "g", place: "planted.ts:2" }],
    made: ["planted.ts:3", "planted.ts:4"],
  });
});
