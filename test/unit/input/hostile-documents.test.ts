/** Documents that nobody means well with, or that other programs made: each ends soon, in a few clear findings. */
import { expect, test } from "vitest";
import { parseText } from "../../../core/input/src/documents.ts";
import { inputOf } from "../../../core/input/src/input.ts";
import { validateInput } from "../../../core/input/src/validate-input.ts";

const vmi = (name: string, more = "", nic = "masquerade: {}"): string => `apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata: {name: ${name}}
spec:
  domain: {devices: {interfaces: [{name: pods, ${nic}}]}}
  networks: [{name: pods, pod: {}}]
${more}`;
const nested = (open: string, inner: string, close: string, depth: number): string =>
  `${open.repeat(depth)}${inner}${close.repeat(depth)}`;
/** Lists of nine, of which each has the one before nine times. */
const bomb = Array.from({ length: 12 }, (_, at) => `a${at + 1}: &a${at + 1} [${Array(9).fill(`*a${at}`).join(", ")}]`);
const merges = Array.from({ length: 40 }, (_, at) => `m${at + 1}: &m${at + 1} {<<: [*m${at}, *m${at}]}`);
const many = (count: number, one: (at: number) => string): string =>
  Array.from({ length: count }, (_, at) => one(at)).join(", ");

/** What is said of each, in order. */
const HOSTILE: Readonly<Record<string, readonly [text: string, ...said: readonly RegExp[]]>> = {
  "more text than is read": [vmi("a", `# ${"x".repeat(17_000_000)}`), /characters.* are the most: split the file/],
  "lists in lists, in one line": [nested("[", "", "]", 100_000), /nesting exceeded/],
  "objects in objects, in JSON": [nested('{"a":', "1", "}", 100_000), /nesting exceeded/],
  "mappings in mappings": [Array.from({ length: 3000 }, (_, at) => `${" ".repeat(at)}a:`).join("\n"), /nesting/],
  "aliases of aliases": [`a0: &a0 [x]\n${bomb.join("\n")}`, /aliases exceeded/],
  "an alias of itself": ["kind: List\napiVersion: v1\nitems: &i\n- *i\n", /not a Kubernetes object/],
  "merges of merges": [`m0: &m0 {x: 1}\n${merges.join("\n")}`, /no apiVersion and kind/],
  "a tag that makes objects": [vmi("!!python/object/apply:os.system [id]"), /unknown .*tag.*: remove the tag/],
  "null bytes": [`${vmi("a")}\0\0`, /null byte.*: remove the null bytes/],
  "a key that is a mapping": ["? {a: b}\n: c\n", /complex keys: write a plain name/],
  tabs: ["apiVersion: kubevirt.io/v1\nkind: VirtualMachine\nmetadata:\n\tname: a\n", /tab.*: indent with spaces/],
  "no-break spaces": [vmi("a").replace("  domain", " \u00a0domain"), /line 5 is indented with a no-break space/],
  "a kind and a version of other types": [
    "apiVersion: [kubevirt.io/v1]\nkind: {a: b}\n",
    /apiVersion is not a string/,
    /kind is not a string/,
  ],
  "keys of every object": [
    vmi("a", "  __proto__: {x: 1}\n  constructor: {prototype: {}}\n"),
    /field "__proto__"/,
    /field "constructor"/,
  ],
  "a long name for a slow expression": [vmi(`${"a".repeat(50_000)}!`), /is not a valid object name/],
  "a long key with dots": [
    vmi("a").replace("{name: a}", `{name: a, annotations: {"${"a.".repeat(100_000)}": 5}}`),
    /is not a string/,
  ],
  "numbers of other forms": [
    vmi("a", "", "masquerade: {}, ports: [{port: 1e999}, {port: .nan}, {port: 0x1F}, {port: 80.5}]"),
    /"1e999" is not a whole number/,
    /NaN is not a whole number/,
    /80.5 is not a whole number/,
  ],
};

const said = (text: string): readonly string[] => {
  const input = inputOf(parseText("a.yaml", text), "a.yaml", "anything of a VM or its cluster");
  return validateInput(input, { operation: "create" }, new Map()).map(({ problem, fix }) => `${problem}: ${fix}`);
};

test.each(Object.entries(HOSTILE))("%s", (_, [text, ...patterns]) => {
  const began = performance.now();
  const found = said(text);
  expect(found).toEqual(patterns.map((pattern) => expect.stringMatching(pattern)));
  expect(Math.max(...found.map((one) => one.length))).toBeLessThan(120_000);
  expect(performance.now() - began).toBeLessThan(10_000);
});

test("a byte order mark, the line ends of another system and a directive are read over", () => {
  for (const text of [`\ufeff${vmi("a")}`, vmi("a").replaceAll("\n", "\r\n"), `%YAML 1.2\n---\n${vmi("a")}`])
    expect(said(text)).toEqual([]);
  expect(said("---\n".repeat(100_000) + vmi("a"))).toEqual([]);
});

test("of thousands of mistakes of one kind in an object, twenty are reported, and how many there are more", () => {
  const nics = vmi("a").replace(
    "[{name: pods, masquerade: {}}]",
    `[${many(5000, (at) => `{name: n${at}, bridge: {}}`)}]`,
  );
  const found = said(nics);
  expect(found.length).toBeLessThan(50);
  expect(found.filter((one) => one.includes("has no network"))).toHaveLength(20);
  expect(found.join("\n")).toContain("(and 4980 more like this)");
  const shapes = said(vmi("a", "", `masquerade: {}, ports: [${many(5000, () => "{port: x}")}]`));
  expect(shapes).toHaveLength(20);
  expect(shapes.at(-1)).toContain("(and 4980 more like this)");
});

const READ_AS = /must be a string, and YAML reads (\S+) as (\S+ ?\w*): write "(.*)" in quotes/;
test("a word or a number where a string is wanted is named as it is written, with what YAML makes of it", () => {
  const readAs = (written: string): readonly (string | undefined)[] => {
    const [first = "", ...more] = said(vmi(written));
    expect(more).toEqual([]);
    return (READ_AS.exec(first) ?? []).slice(1);
  };
  for (const word of ["y", "Yes", "on", "ON"]) expect(readAs(word)).toEqual([word, "true", word]);
  for (const word of ["n", "No", "off"]) expect(readAs(word)).toEqual([word, "false", word]);
  expect(readAs("true")).toEqual(["true", "a boolean", "true"]);
  expect(readAs("7")).toEqual(["7", "a number", "7"]);
  expect(readAs("0x10")).toEqual(["0x10", "16", "0x10"]);
  expect(readAs("1.10")).toEqual(["1.10", "1.1", "1.10"]);
  const annotated = vmi("a").replace("{name: a}", "{name: a, annotations: {sidecar.istio.io/inject: on}}");
  expect(said(annotated)).toEqual([expect.stringContaining("YAML reads on as true")]);
});

test("a key that YAML reads as a boolean is found where it is written", () => {
  const input = inputOf(parseText("a.yaml", vmi("a", "  on: 1\n  no: 2\n")), "a.yaml");
  expect(input.violations.map(({ line, field }) => `${line} ${field}`)).toEqual(["7 spec.true", "8 spec.false"]);
  expect(input.violations[0]?.fix).toContain("write the key in quotes");
});
