/**
 * The form of what is released: functions that a reader takes in at once, files without circles, and packages that know only
 * those below them.
 */
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { findCircles, readSource, readSources, type SourceFunction } from "../../support/structure/read-structure.ts";
import { readPackages } from "../../../tools/law.mjs";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
/** More arguments than these are one object with names. */
const MOST_PARAMETERS = 4;
const MOST_LINES = 40;
/** Nine of ten functions are no longer than this. */
const USUAL_LINES = 18;

const files = readSources(ROOT);
const functions = files.flatMap((file) => file.functions);
const packages = readPackages(ROOT).map(({ folder, manifest }) => ({ folder, name: manifest.name }));

const shortPath = (path: string): string => path.replace(/\/src\/(.*\/)?/, "/");
const idsOf = (found: readonly SourceFunction[]): readonly string[] => found.map(({ id }) => shortPath(id)).sort();

test("the sources are there", () => {
  expect(files.length).toBeGreaterThan(200);
  expect(functions.length).toBeGreaterThan(1000);
});

test(`a function has at most ${MOST_PARAMETERS} parameters`, () => {
  expect(idsOf(functions.filter(({ parameters }) => parameters > MOST_PARAMETERS))).toEqual([]);
});

test(`a function has at most ${MOST_LINES} lines`, () => {
  expect(idsOf(functions.filter(({ lines = 0 }) => lines > MOST_LINES))).toEqual([]);
});

test(`nine of ten functions have at most ${USUAL_LINES} lines`, () => {
  const lengths = functions.flatMap(({ lines }) => (lines === undefined ? [] : [lines])).sort((a, b) => a - b);
  expect(lengths[Math.floor(lengths.length * 0.9)]).toBeLessThanOrEqual(USUAL_LINES);
});

test("no files import each other in a circle, whether at once or once they are needed", () => {
  const all = files.map(({ path, imports, lazyImports }) => ({ path, imports: [...imports, ...lazyImports] }));
  expect(findCircles(all).map((circle) => circle.map(shortPath).sort().join(" "))).toEqual([]);
});

/** The place of a file's package in the law; -1 where it is of none. */
const rankOfFile = (path: string): number => packages.findIndex(({ folder }) => path.startsWith(`${folder}/`));
/** The place of the package that a module is of; -1 for what is not of this workspace. */
const rankOfModule = (module: string): number =>
  module.startsWith("@")
    ? packages.findIndex(({ name }) => module === name || module.startsWith(`${name}/`))
    : rankOfFile(module);

test("no package imports one that the law names after it", () => {
  expect(files.filter(({ path }) => rankOfFile(path) === -1)).toEqual([]);
  const upward = files.flatMap(({ path, imports, lazyImports }) =>
    [...imports, ...lazyImports]
      .filter((module) => rankOfModule(module) > rankOfFile(path))
      .map((module) => `${path} imports ${module}`),
  );
  expect(upward).toEqual([]);
});

test("parameters and lines are counted of every kind of function", () => {
  const text = [
    "function a(this: object, b: 1, { c, d }: E, ...f: 1[]) {\n\n}",
    "const g = (h: 1) => h;",
    "class I { #j(k: 1) {\n  k;\n} l = (m: 1, n: 2) => {}; constructor(o: 1, p: 2) {} }",
    "const q = { r(s: 1) {}, t: function () {\n} };",
    "u((v) => {\n  v;\n});",
  ].join("\n");
  expect(readSource("x.ts", text).functions).toEqual([
    { id: "x.ts a", parameters: 3, lines: 1 },
    { id: "x.ts g", parameters: 1 },
    { id: "x.ts #j", parameters: 1, lines: 1 },
    { id: "x.ts l", parameters: 2, lines: 0 },
    { id: "x.ts constructor", parameters: 2, lines: 0 },
    { id: "x.ts r", parameters: 1, lines: 0 },
    { id: "x.ts t", parameters: 0, lines: 0 },
    { id: "x.ts line 10", parameters: 1, lines: 1 },
  ]);
});

test("imports are seen in every form", () => {
  const text =
    'import "./a.ts";\nimport type { B } from "b";\nexport * from "../c.ts";\nexport { d } from "d";\ntype E = import("e").E;\nvoid import("./f.ts");';
  expect(readSource("x/y.ts", text)).toMatchObject({
    imports: ["x/a.ts", "b", "c.ts", "d", "e"],
    lazyImports: ["x/f.ts"],
  });
});

test("a circle is found, and what only leads into it is not of it", () => {
  const at = (path: string, ...imports: string[]) => ({ path, imports });
  expect(findCircles([at("a", "b"), at("b", "c", "x"), at("c", "b"), at("d", "d"), at("e")])).toEqual([
    ["b", "c"],
    ["d"],
  ]);
});
