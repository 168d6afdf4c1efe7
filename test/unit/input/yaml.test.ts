/** YAML as kubectl takes it, and where in it things are. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isNode, LineCounter, parseDocument, stringify } from "yaml";
import { parseText } from "../../../core/input/src/documents.ts";
import { parseYaml, type YamlDocument } from "../../../core/input/src/parse-yaml.ts";
import { expectInProportion } from "../../support/cases/in-proportion.ts";

function documentOf(text: string): YamlDocument {
  const [document, ...others] = parseYaml(text);
  if (document === undefined || "problem" in document || others.length > 0)
    throw new Error(JSON.stringify([document, others]));
  return document;
}

/** As sigs.k8s.io/yaml 1.6.0 prints them as JSON, found by asking it. */
const SCALARS: readonly (readonly [unknown, string])[] = [
  [null, "~ null Null NULL"],
  [true, "y Y yes Yes YES on On ON true True TRUE"],
  [false, "n N no No NO off Off OFF false False FALSE"],
  [8, "010 +010 0o10 0O10 08 8 8.0 0b1000 1_0e0_ 0x8"],
  [-8, "-010 -0o10 -8"],
  [31, "0x1F 0X1F 0x1f 31"],
  [1000, "1_000 1__0_00 1e3 1.e3 +1e3"],
  [0.5, ".5 +.5 0.5 0.5_0 5e-1"],
  [0, "0 00 -0 0_ 0e0 0.0"],
  [Number(2n ** 64n - 1n), "18446744073709551615 0xFFFFFFFFFFFFFFFF"],
  [7.777777777777778e23, "0777777777777777777777777"],
];
const TEXTS =
  "yEs tRUE nULL _1 1:20 190:20:30 2001-12-14 2001-12-14T21:59:43Z = 0x 0b 0o 0b2 0xg 1e400 0xFFFFFFFFFFFFFFFFF + . e1 1e 1.2.3 10.0.2.0/24 02:00:00:00:00:01 11:22:33:44:55:66";

describe("a plain scalar", () => {
  test.each(SCALARS.filter(([value]) => value !== 8))("is %s: %s", (value, texts) => {
    for (const text of texts.split(" "))
      expect(documentOf(`a: ${text}`).value, text).toEqual({ a: value === 0 ? 0 : value });
  });

  test("is an eight, in whatever base", () => {
    for (const text of "010 +010 0o10 0O10 08 8 8.0 0b1000 0x8".split(" "))
      expect(documentOf(`a: ${text}`).value, text).toEqual({ a: 8 });
  });

  test("is text where it is none of these", () => {
    for (const text of TEXTS.split(" ")) expect(documentOf(`a: ${text}`).value).toEqual({ a: text });
    for (const text of ["!!str 1", '"1"', "!own 1", "'1'"])
      expect(documentOf(`a: ${text}`).value, text).toEqual({ a: "1" });
    expect(documentOf("a: <<").value).toEqual({ a: "<<" });
    expect(documentOf("a: !!binary aGk=").value).toEqual({ a: "hi" });
    expect(documentOf('a: !!int "3"').value).toEqual({ a: 3 });
  });
});

const keysAndTexts = fc.oneof(
  fc.stringMatching(/^[ -~]{0,12}$/),
  fc.constantFrom("yes", "a: b", "- x", "# no", "line\nbreak\n", "0x1", "ü"),
);
const values = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    keysAndTexts,
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.stringMatching(/^[a-zA-Z][\w ]{1,8}$/), tie("value"), { maxKeys: 4 }),
  ),
})).value;

/** Each path of a value. */
function pathsOf(value: unknown, path: readonly (string | number)[] = []): readonly (readonly (string | number)[])[] {
  const inner = Array.isArray(value)
    ? value.map((item, index) => [index, item] as const)
    : typeof value === "object" && value !== null
      ? Object.entries(value)
      : [];
  return [path, ...inner.flatMap(([step, one]) => pathsOf(one, [...path, step]))];
}

test("any document is what another reader makes of it, and its items are on the lines that it says", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.stringMatching(/^[a-z]{2,6}$/), values, { minKeys: 1 }),
      fc.boolean(),
      (value, flow) => {
        const text = stringify(value, {
          version: "1.1",
          aliasDuplicateObjects: false,
          collectionStyle: flow ? "flow" : "any",
        });
        const ours = documentOf(text);
        expect(ours.value).toEqual(value);
        const counter = new LineCounter();
        const theirs = parseDocument(text, { lineCounter: counter, version: "1.1" });
        for (const path of pathsOf(value).filter((one) => typeof one.at(-1) === "number")) {
          const node = theirs.getIn(path, true);
          // A block of text begins where its first line is, to one of the two.
          if (isNode(node) && node.range && !/\n/.test(String(node.toJSON())))
            expect(ours.lineOf(path), text).toBe(counter.linePos(node.range[0]).line);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test("a place is its key's line, and that of what is nearest where it is missing", () => {
  const text =
    "\n# a comment\nspec:\n  nics:\n  - name: red\n    mtu:\n      1500\n  - {name: blue,\n     mtu: 9000}\n  - *no\n".replace(
      "*no",
      "&x {a: 1}",
    );
  const { lineOf } = documentOf(`${text}  more: *x\n`);
  expect(lineOf([])).toBe(3);
  expect(lineOf(["spec", "nics", 0, "mtu"])).toBe(6);
  expect(lineOf(["spec", "nics", 1, "mtu"])).toBe(9);
  expect(lineOf(["spec", "nics", 0, "none", "deeper"])).toBe(5);
  expect(lineOf(["spec", "nics", 7])).toBe(4);
  expect(lineOf(["spec", "more", "a"])).toBe(11);
  expect(lineOf(["none"])).toBe(3);
});

describe("a text with many documents", () => {
  const good = (name: string): string => `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}}\n`;

  test("one that is not YAML does not hide the others, and each is on its own lines", () => {
    const text = `# ours\n%YAML 1.2\n---\n${good("a")}---\nx: [1\n---\n${good("b")}--- # wrong\na: ]\nb: 2\n...\n---\n${good("c")}`;
    const { documents, violations } = parseText("f.yaml", text);
    expect(documents.map(({ line, value }) => [line, (value["metadata"] as { name: string }).name])).toEqual([
      [4, "a"],
      [10, "b"],
      [18, "c"],
    ]);
    expect(violations).toEqual([
      expect.objectContaining({
        file: "f.yaml",
        problem: expect.stringContaining("invalid YAML: "),
      }),
      expect.objectContaining({ line: 14 }),
    ]);
    expect([8, 9]).toContain(violations[0]?.line);
  });

  test("what looks like a beginning inside a text is none", () => {
    const { documents, violations } = parseText("f", `${good("a")}data: |\n  ---\n  x: [\n---\n${good("b")}`);
    expect([documents.length, violations]).toEqual([2, []]);
  });

  test("a document begins at a line's beginning alone, whatever else other programs take for a line's end", () => {
    const text = `# ours\n${good("a")}data: |\n  one\u2028--- two\n  three\n--- \r\n${good("b")}---x: 1\n---\t# c\n# none\n`;
    const read = parseYaml(text).map((one) => ("value" in one ? one.value : one.problem));
    expect(read).toEqual([
      expect.objectContaining({ data: "one\u2028--- two\nthree\n" }),
      expect.objectContaining({ "---x": 1 }),
      null,
    ]);
  });

  test("what the reader of a document finds is found of it alone, and where it is in the whole", () => {
    const text = `${good("a")}---\n${good("b")}x: 1\nx: 2\n---\n${good("c")}y: ~\n`;
    const [a, b, c] = parseYaml(text).flatMap((one) => ("value" in one ? [one] : []));
    expect([a, b, c].map((one) => [one?.isPlain, one?.duplicates.length])).toEqual([
      [true, 0],
      [true, 1],
      [false, 0],
    ]);
    expect(b?.duplicates[0]).toMatchObject({ path: ["x"], place: { line: 9, column: 1 }, before: 8 });
    const field = c?.fieldAt(["metadata", "name"]);
    expect([field?.line, field?.place.column, text.slice(field?.value?.start, field?.value?.end)]).toEqual([
      13,
      12,
      "c",
    ]);
  });

  test("a List's items are objects with lines of their own; nothing is left of comments", () => {
    const items = ["a", "b"].map((name) => `- ${good(name).trimEnd().replaceAll("\n", "\n  ")}\n`).join("");
    const { documents } = parseText(
      "f",
      `# none\n---\napiVersion: v1\nkind: List\nitems:\n${items}---\n# nothing\n---\n`,
    );
    expect(documents.map(({ line, lineOf }) => [line, lineOf("metadata.name")])).toEqual([
      [6, 8],
      [9, 11],
    ]);
  });
});

test("merges and aliases are followed, and those that would fill the memory are refused", () => {
  expect(documentOf("a: &a {c: 1, d: 2}\nb: {<<: *a, d: 3}\n").value).toEqual({ a: { c: 1, d: 2 }, b: { c: 1, d: 3 } });
  const levels = Array.from(
    { length: 9 },
    (_, at) => `l${at + 1}: &l${at + 1} [${Array(9).fill(`*l${at}`).join(", ")}]`,
  );
  const { violations } = parseText("f", `kind: x\nl0: &l0 [lol]\n${levels.join("\n")}\n`);
  expect(violations).toEqual([expect.objectContaining({ problem: expect.stringContaining("aliases"), line: 1 })]);
  expect(parseText("f", `a: ${"[".repeat(100_000)}`).violations).toHaveLength(1);
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  expect(Object.keys(documentOf('"__proto__": {polluted: 1}').value as object)).toEqual(["__proto__"]);
});

describe("a text that is made to be slow", () => {
  test("54 bytes that once took years are read, and what is not YAML in them is reported", () => {
    const text = `${"\n".repeat(48)}x: [\n--- 1`;
    expect(text.length).toBeLessThan(60);
    const { violations } = parseText("slow.yaml", text);
    expect(violations.map(({ file, line }) => [file, line])).toEqual(
      [["slow.yaml", 50], expect.anything()].slice(0, violations.length),
    );
    expect(violations.length).toBeGreaterThan(0);
  });

  /** Texts of a size, none of them YAML as a whole: they are cut into documents, and each is read. */
  const SLOW: Readonly<Record<string, (size: number) => string>> = {
    "line ends before a document": (size) => `${"\n".repeat(size)}x: [\n--- 1`,
    "white space": (size) => `${" ".repeat(size)}x: [\n---\n`,
    comments: (size) => `${"# \n".repeat(size / 4)}x: [\n---\n`,
    "directives without a document": (size) => `${"%A\n".repeat(size / 4)}x\n---\n: [`,
    documents: (size) => `${"---\n".repeat(size / 4)}x: [`,
    dashes: (size) => `${"-".repeat(size)}\n---\n: [`,
    brackets: (size) => "[".repeat(size),
    braces: (size) => "{".repeat(size),
    quotes: (size) => `"${"\\n".repeat(size / 2)}`,
    keys: (size) => "? ".repeat(size / 2),
    anchors: (size) => "&a ".repeat(size / 3),
    tags: (size) => "!a ".repeat(size / 3),
    colons: (size) => ": ".repeat(size / 2),
    "a long key": (size) => `${"a".repeat(size)}: [`,
    fields: (size) => `${Array.from({ length: size / 8 }, (_, at) => `a${at}: b\n`).join("")}]`,
    underscores: (size) => `a: 1${"_".repeat(size)}x\n]`,
    zeros: (size) => `a: ${"0".repeat(size)}\n]`,
  };

  test.each(Object.entries(SLOW))("%s: four times the text takes no more than in proportion", (_, textOf) => {
    const [small, large] = [textOf(100_000), textOf(400_000)];
    expectInProportion(
      () => parseText("slow.yaml", small),
      () => parseText("slow.yaml", large),
    );
  });
});
