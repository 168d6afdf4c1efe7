/** What the readers of kubectl take and YAML 1.2 does not. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { convertRemovedBindings } from "../../../core/input/src/convert-removed-bindings.ts";
import { parseText } from "../../../core/input/src/documents.ts";
import { findDuplicateKeys } from "../../../core/input/src/key-findings.ts";
import { splitJson } from "../../../core/input/src/json-stream.ts";
import { indentLaxLines } from "../../../core/input/src/lax-indentation.ts";
import { parseYaml } from "../../../core/input/src/parse-yaml.ts";

const valuesOf = (text: string): readonly unknown[] =>
  parseYaml(text).map((one) => ("problem" in one ? one : one.value));

/** What go-yaml reads, by its own answers. */
const LAX: readonly (readonly [string, unknown])[] = [
  ["a: '{\n  }'", { a: "{ }" }],
  ["a: '{\n}'", { a: "{ }" }],
  ["a:\n  b: '{\n  c\n}'\n  d: 1", { a: { b: "{ c }", d: 1 } }],
  ['a:\n  b: "x\n\ny \\\n z"\n  d: 1', { a: { b: "x\ny z", d: 1 } }],
  ["a:\n  b:\n    'x\n\n\ny'", { a: { b: "x\n\ny" } }],
  ["a:\n  - 'it''s\nhere'\n  - b", { a: ["it's here", "b"] }],
  ["a:\n  - k: 'x\n  y'\n    l: \"p\nq\"", { a: [{ k: "x y", l: "p q" }] }],
  ["a:\n  b: [\n1, 2\n]\n  c: {\nd: e\n}", { a: { b: [1, 2], c: { d: "e" } } }],
  ["a:\n  t: |\n    'no quote\n   # it's\n  b: 'x\ny'", { a: { t: "'no quote\n", b: "x y" } }],
  ["a:\n  t: |\n    it's\n    {\n  b: 'x\ny' # it's\n  c: it's", { a: { t: "it's\n{\n", b: "x y", c: "it's" } }],
];

test.each(LAX)("%j is read as kubectl reads it", (text, value) => {
  expect(valuesOf(text)).toEqual([value]);
});

test("places are those of the text as it was", () => {
  const text = "x: 1\n---\na:\n  b: '{\n}'\n  c: {d: 1,\ne: 2}\n";
  const [, lax] = parseYaml(text);
  if (lax === undefined || "problem" in lax) throw new Error("not read");
  expect(lax.placeOf(["a", "c", "e"])).toEqual({ line: 7, column: 1, excerpt: { text: "e: 2}", caret: 0 } });
  const field = lax.fieldAt(["a", "c", "e"]);
  expect(text.slice(field?.key.start, field?.key.end)).toBe("e");
  expect(text.slice(field?.value?.start, field?.value?.end)).toBe("2");
});

test("a file that only kubectl's reader takes is converted in its place", () => {
  const text =
    "apiVersion: kubevirt.io/v1\nkind: VirtualMachineInstance\nmetadata:\n  annotations:\n    a: '{\n  }'\n  name: v\nspec:\n" +
    "  domain: {devices: {interfaces: [\n{name: n, slirp: {}}\n]}}\n";
  const { text: changed, violations } = convertRemovedBindings("a.yaml", text);
  expect(violations).toEqual([]);
  expect(changed).toBe(text.replace("slirp: {}", "binding: {name: slirp}"));
});

test("lines of text that YAML itself takes are left as they are", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("a: ", "'", '"', "\n", "  ", "- ", "|", "{", "}", "x", ": ", "#", ",")),
      (parts) => {
        const text = parts.join("");
        const indented = indentLaxLines(text);
        if (indented === undefined) return;
        expect(indented.text.length).toBeLessThanOrEqual(2 * text.length);
        expect(indented.text.replace(/^ +/gm, "")).toBe(text.replace(/^ +/gm, ""));
        for (let at = 0; at < indented.text.length; at++) {
          const back = indented.original(at);
          expect(back).toBeLessThanOrEqual(at);
          if (indented.text[at] !== " ") expect(text[back]).toBe(indented.text[at]);
        }
      },
    ),
  );
});

test("a text that would grow to many times its size is refused as it is", () => {
  const deep = `${" ".repeat(2000)}a: '${"\nx".repeat(5000)}'`;
  expect(indentLaxLines(deep)).toBeUndefined();
  expect(valuesOf(deep)).toEqual([expect.objectContaining({ problem: expect.stringContaining("indentation") })]);
});

test("objects of JSON that follow one another are read, each on its own lines", () => {
  const objects = [{ kind: "A", text: '}{"\\' }, { kind: "B", list: [[{}]] }, { kind: "C" }];
  for (const between of ["", "\n", "\n\n  "]) {
    const text = objects.map((one) => JSON.stringify(one, null, 2)).join(between);
    expect(valuesOf(text)).toEqual(objects);
  }
  const [, second] = parseYaml('{"a": 1}\n{"a":\n2, "b": 3}');
  expect(second !== undefined && "value" in second && second.lineOf(["b"])).toBe(3);
  expect(splitJson('{"a": 1} x {"b": 1}')).toEqual([]);
  expect(splitJson("a: 1")).toEqual([]);
});

test("what is not JSON in a stream of it is refused where it stands, and hides no other object", () => {
  const first = '{"kind": "A"}';
  for (const [text, line, column, problem] of [
    [`${first}\n{"kind": "B",\n "list": [{"a": ",]"}, ]}\n{"kind": "C"}`, 3, 22, "a comma after the last entry"],
    [`${first}\n{"kind": "B",\n}\n{"kind": "C"}`, 2, 13, "a comma after the last entry"],
    [`${first} {"kind": "B", }\n{"kind": "C"}`, 1, 27, "a comma after the last entry"],
    [`${first},\n{"kind": "C"}`, 1, 14, "a comma after an object"],
    [`${first}\n{"kind": "C"}\n  ,\n`, 3, 3, "a comma after an object"],
    [`${first}\n{"kind": "B",\n "a": yes}{"kind": "C"}`, 3, 7, "read as JSON"],
    [`${first}\n{"kind": "B", 'a': 1}{"kind": "C"}`, 2, 15, "read as JSON"],
    [`${first}\n{"kind": "B", # why\n"a": 1}{"kind": "C"}`, 2, 15, "read as JSON"],
    [`${first}\n{"kind": "B", "a"}{"kind": "C"}`, 2, 18, "read as JSON"],
    [`${first}{"kind": "C"}\n{"kind": "B",\n"list": [`, 3, 10, "invalid YAML"],
  ] as const) {
    const read = parseYaml(text);
    const problems = read.filter((one) => "problem" in one);
    expect(problems, text).toEqual([expect.objectContaining({ place: expect.objectContaining({ line, column }) })]);
    expect(problems[0]?.problem).toContain(problem);
    expect(read.flatMap((one) => ("value" in one ? [one.value] : []))).toEqual([{ kind: "A" }, { kind: "C" }]);
  }
});

test("a key in braces has a colon, or is found where it stands", () => {
  const keysOf = (text: string): readonly (readonly unknown[])[] =>
    parseYaml(text).flatMap((one) =>
      "value" in one ? one.bareKeys.map(({ path, place: { line, column } }) => [path.join("."), line, column]) : [],
    );
  for (const text of [
    "{a: , b: }",
    "{a: ~, b: null}",
    "a:\nb:\n- \n- c\n-",
    '{a: [b, c], "d" : {}}',
    "{a: !!null , b: 1}",
  ])
    expect(keysOf(text), text).toEqual([]);
  expect(keysOf("x: {a: b,c}\n")).toEqual([["x.c", 1, 10]]);
  expect(keysOf("---\nx:\n  - 1\n  - {'a', b: {c\n }}\n---\n{d}")).toEqual([
    ["x.1.a", 4, 7],
    ["x.1.b.c", 4, 15],
    ["d", 7, 2],
  ]);
});

test("a key that is written twice is warned about, with the line that counts, in every mapping", () => {
  const { violations, documents } = parseText(
    "a.yaml",
    "kind: A\napiVersion: v1\nx: {b: 1, b: 2}\nkind: B\n---\napiVersion: v1\nkind: C\nl:\n  - z: [0, 1]\n  - q: 1\n    q: 2\n    q: 3\n",
  );
  const duplicates = findDuplicateKeys(documents);
  expect(violations).toEqual([]);
  expect(documents.map(({ value }) => value)).toEqual([
    { kind: "B", apiVersion: "v1", x: { b: 2 } },
    { apiVersion: "v1", kind: "C", l: [{ z: [0, 1] }, { q: 3 }] },
  ]);
  expect(
    duplicates.map(({ line, field, problem }) => [line, field, /not the one in line (\d+)/.exec(problem)?.[1]]),
  ).toEqual([
    [3, "x.b", "3"],
    [4, "kind", "1"],
    [11, "l[1].q", "10"],
    [12, "l[1].q", "11"],
  ]);
  expect(duplicates.map(({ object }) => object?.kind)).toEqual(["B", "B", "C", "C"]);
});

test("a key that is written twice is of its object in a List, and of none where it is the List's own", () => {
  const { documents } = parseText(
    "a.yaml",
    "kind: List\napiVersion: v1\nmetadata: {x: 1, x: 2}\nitems:\n  - {kind: A, metadata: {name: a}}\n  - {kind: B, metadata: {name: no, name: b, namespace: ns}}\n",
  );
  expect(findDuplicateKeys(documents).map(({ object, field, line }) => [object, field, line])).toEqual([
    [undefined, "metadata.x", 3],
    [{ kind: "B", namespace: "ns", name: "b" }, "metadata.name", 6],
  ]);
});

test("a document of duplicate keys reports a bounded number of them", () => {
  const { documents } = parseText("a.yaml", `kind: A\napiVersion: v1\n${"a: 1\n".repeat(5000)}`);
  expect(findDuplicateKeys(documents)).toHaveLength(20);
});

test("a template that is not rendered is said once, where its first action is", () => {
  const text =
    "apiVersion: v1\nkind: A\nmetadata:\n  name: {{ .Values.name }}\n---\na: {{ b }}\n---\nkind: C\napiVersion: v1\n";
  const { violations, documents } = parseText("a.yaml", text);
  expect(violations.map(({ line, column, fix }) => [line, column, fix])).toEqual([
    [4, 9, "render it first: helm template . | netbind validate -f -"],
  ]);
  expect(documents).toHaveLength(1);
});
