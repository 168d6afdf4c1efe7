/** The core bindings that KubeVirt 1.3 removed become binding plugins: these places change, and no other byte. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { type ConvertedText, convertRemovedBindings } from "../../../core/input/src/convert-removed-bindings.ts";
import { parseText } from "../../../core/input/src/documents.ts";
import { parseYaml } from "../../../core/input/src/parse-yaml.ts";
import { expectInProportion } from "../../support/cases/in-proportion.ts";

const convert = (text: string): ConvertedText => convertRemovedBindings("vm.yaml", text);

const vmi = (interfaces: string): string => `# kept
apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata:
  name: "vm"   # in quotes
spec:
  domain:
    devices:
${interfaces}
  networks: [ {name: a, pod: {}} ]
`;
const block = (lines: string): string => vmi(`      interfaces:\n${lines.replace(/^/gm, "      ")}`);

/** What a text says, document by document. */
const valuesOf = (text: string): readonly unknown[] =>
  parseYaml(text).map((one) => ("problem" in one ? one : one.value));

describe("the text", () => {
  test("an old key becomes the plugin of its name; comments, order and quotes stay", () => {
    const before = block(
      "- name: a # first\n  slirp: {}  # old\n  ports:\n    - port: 80\n- {name: b, macvtap: {}}\n- name: c\n  passt:",
    );
    const { text, changes } = convert(before);
    expect(text).toBe(
      before
        .replace("slirp: {}", "binding: {name: slirp}")
        .replace("macvtap: {}", "binding: {name: macvtap}")
        .replace("passt:", "binding: {name: passt}"),
    );
    expect(changes.map(({ line, interface: name }) => [line, name])).toEqual([
      [11, "a"],
      [14, "b"],
      [16, "c"],
    ]);
    expect(convert(text)).toEqual({ text, changes: [], warnings: [], violations: [], duplicates: [] });
  });

  test("JSON stays JSON, CRLF stays CRLF, and a list's items and many documents are found", () => {
    const object = {
      apiVersion: "kubevirt.io/v1",
      kind: "VirtualMachine",
      spec: { template: { spec: { domain: { devices: { interfaces: [{ name: "a", slirp: {} }] } } } } },
    };
    const { text, changes } = convert(JSON.stringify(object));
    expect(JSON.parse(text)).toMatchObject({
      spec: {
        template: { spec: { domain: { devices: { interfaces: [{ name: "a", binding: { name: "slirp" } }] } } } },
      },
    });
    expect(changes).toEqual([{ line: 1, interface: "a", from: '"slirp":{}', to: '"binding":{"name": "slirp"}' }]);
    const crlf = block("- name: a\n  slirp: {}").replaceAll("\n", "\r\n");
    expect(convert(crlf).text).toBe(crlf.replace("slirp: {}", "binding: {name: slirp}"));
    const item = `- apiVersion: kubevirt.io/v1
  kind: VirtualMachineInstance
  spec: {domain: {devices: {interfaces: [{name: a, slirp: {}}]}}}
`;
    const list = `apiVersion: v1
kind: List
items:
${item}`;
    expect(
      convert(`${list}---\n# nothing\n---\nkind: List\nitems: []\n---\n${block("- name: b\n  passt: {}")}`).changes,
    ).toHaveLength(2);
  });

  test("templates of sets and pools are found, and other objects are left alone", () => {
    const interfaces = "domain: {devices: {interfaces: [{name: a, slirp: {}}]}}";
    const of = (apiVersion: string, kind: string, spec: string): number =>
      convert(`apiVersion: ${apiVersion}\nkind: ${kind}\nspec: {${spec}}\n`).changes.length;
    expect(of("kubevirt.io/v1", "VirtualMachineInstanceReplicaSet", `template: {spec: {${interfaces}}}`)).toBe(1);
    expect(
      of(
        "pool.kubevirt.io/v1alpha1",
        "VirtualMachinePool",
        `virtualMachineTemplate: {spec: {template: {spec: {${interfaces}}}}}`,
      ),
    ).toBe(1);
    expect(of("apps/v1", "Deployment", interfaces)).toBe(0);
    expect(of("example.com/v1", "VirtualMachineInstance", interfaces)).toBe(0);
  });

  /** Ways to write an old key, and what becomes of them. */
  const FORMS: readonly (readonly [string, string])[] = [
    ["slirp: {}", "binding: {name: slirp}"],
    ["slirp:   { }   # old", "binding:   {name: slirp }   # old"],
    ["slirp:", "binding: {name: slirp}"],
    ["slirp: ~ # old", "binding: {name: slirp} # old"],
    ["slirp: null", "binding: {name: slirp}"],
    ["slirp:   # old", "binding: {name: slirp}   # old"],
    ["slirp: # old\n    {}", "binding: # old\n    {name: slirp}"],
    ["slirp: { # old\n    }", "binding: {name: slirp # old\n    }"],
    ["? slirp\n  : {}", "? binding\n  : {name: slirp}"],
    ["? slirp # old\n  :", "? binding # old\n  : {name: slirp}"],
    ['"slirp" : {}', '"binding" : {"name": "slirp"}'],
    ['"sl\\u0069rp": {}', '"binding": {"name": "slirp"}'],
    ["'slirp': {}", "'binding': {name: slirp}"],
    ["slirp: !!map {}", "binding: !!map {name: slirp}"],
    ["slirp: &mine {}", "binding: &mine {name: slirp}"],
    ["slirp: &mine", "binding: &mine {name: slirp}"],
    ["&key slirp: {}", "&key binding: {name: slirp}"],
    ["bridge: null\n  slirp: {}", "bridge: null\n  binding: {name: slirp}"],
  ];

  test.each(FORMS)("%j becomes %j", (before, after) => {
    const text = block(`- ${before}\n  name: ü😀`);
    expect(convert(text)).toMatchObject({
      text: block(`- ${after}\n  name: ü😀`),
      changes: [{ interface: "ü😀" }],
      violations: [],
    });
    const flow = vmi(`      interfaces: [{name: a, slirp}, {slirp: , name: b},{"slirp":{}}]`);
    expect(convert(flow).text).toBe(
      vmi(
        `      interfaces: [{name: a, binding: {name: slirp}}, {binding: {name: slirp} , name: b},{"binding":{"name": "slirp"}}]`,
      ),
    );
  });

  test("a mark at the text's beginning, directives and document ends stay", () => {
    const text = `\uFEFF%YAML 1.2\n---\n${block("- name: a\n  slirp: {}")}...\n`;
    expect(convert(text).text).toBe(text.replace("slirp: {}", "binding: {name: slirp}"));
  });

  test("an interface with two bindings, or with a value, is reported and left as it is", () => {
    const two = block(
      "- name: a\n  slirp: {}\n  bridge: {}\n- name: b\n  passt: {}\n  slirp: {}\n- name: c\n  bridge: {}\n- name: d\n  slirp: {a: b}",
    );
    const { text, warnings, violations } = convert(two);
    expect([text, violations]).toEqual([two, []]);
    expect(warnings.map(({ line }) => line)).toEqual([11, 15, 19]);
  });

  test("many interfaces take no more than in proportion", () => {
    const of = (count: number): string =>
      `kind: List\nitems:\n${`- {apiVersion: kubevirt.io/v1, kind: VirtualMachineInstance, spec: {domain: {devices: {interfaces: [{slirp: {}}]}}}}\n`.repeat(count)}`;
    const convertAll = (count: number) => (): void => expect(convert(of(count)).changes).toHaveLength(count);
    expectInProportion(convertAll(1000), convertAll(4000), 20);
  });
});

describe("what others share", () => {
  test("interfaces that are reached twice, by an alias or a merge, are changed once, where they stand", () => {
    const shared = vmi(
      "      interfaces:\n        - &base {name: a, slirp: {}}\n        - *base\n        - {<<: *base, name: c}",
    );
    expect(convert(shared)).toMatchObject({
      text: shared.replace("slirp: {}", "binding: {name: slirp}"),
      changes: { length: 1 },
    });
    const merged = vmi(
      "      interfaces:\n        - {<<: [{slirp: {}}, {name: b}], name: c}\n        - &x {passt: {}}\n        - <<: *x",
    );
    expect(convert(merged).text).toBe(
      merged.replace("slirp: {}", "binding: {name: slirp}").replace("passt: {}", "binding: {name: passt}"),
    );
  });

  test("an empty value that is an alias is written out", () => {
    const text = vmi(
      "      interfaces:\n        - {name: a, bridge: &none {}}\n        - {name: b, slirp: *none}\n        - {name: c, macvtap: *none}",
    );
    expect(convert(text).text).toBe(
      text.replace("slirp: *none", "binding: {name: slirp}").replace("macvtap: *none", "binding: {name: macvtap}"),
    );
  });

  const REFUSED: readonly (readonly [string, string, readonly number[]])[] = [
    [
      "an anchor whose alias says something else",
      "      interfaces:\n        - {name: a, slirp: &none {}}\n        - {name: b, bridge: *none}",
      [10],
    ],
    ["an anchor outside", "      interfaces: &nics\n        - {name: a, slirp: {}}\n      other: *nics", [10]],
    [
      "a merge into an interface with another binding",
      "      interfaces:\n        - &base {name: a, slirp: {}}\n        - {<<: *base, bridge: {}}",
      [10],
    ],
    [
      "a key that is an alias",
      "      note: &old slirp\n      interfaces:\n        - name: a\n          *old : {}",
      [11],
    ],
    ["a list as the value", "      interfaces:\n        - name: a\n          slirp: []", [11]],
  ];

  test.each(REFUSED)("%s is told with its line, and nothing changes", (_, interfaces, lines) => {
    const before = `${block("- name: first\n  passt: {}")}---\n${vmi(interfaces)}`;
    const documents = block("- name: first\n  passt: {}").split("\n").length;
    const { text, changes, violations } = convert(before);
    expect([text, changes]).toEqual([before, []]);
    expect(violations.map(({ line }) => line - documents)).toEqual(lines);
    for (const { file, problem, fix } of violations)
      expect({ file, problem, fix }).toEqual({
        file: "vm.yaml",
        problem: expect.stringMatching(/shared with another part|cannot be changed in its place/),
        fix: expect.stringMatching(/^write .*, or change it to "binding: \{name: slirp\}" by hand$/),
      });
  });
});

test("it refuses what reading refuses, in the same words, whatever the text is; nothing throws", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.string().map((text) => block(`- name: ${text}\n  slirp: {}`)),
        fc
          .stringMatching(/^[-\n :{}[\]?*&!#a'"<,|>%\t]{0,20}$/)
          .map((text) => block(`- name: a\n  slirp: ${text}\n  x: y`)),
      ),
      (text) => {
        const read = parseText("vm.yaml", text).violations;
        const { text: after, changes, violations } = convert(text);
        if (read.length > 0) expect(violations).toEqual(read);
        if (changes.length === 0) expect(after).toBe(text);
        else expect(parseText("vm.yaml", after).violations).toEqual([]);
      },
    ),
    { numRuns: 500 },
  );
});

/** An interface as people write it, and how it has to be then. */
const nics = fc
  .record({
    name: fc.constantFrom("a", "b", "ü"),
    method: fc.constantFrom("slirp", "passt", "macvtap", "bridge", "masquerade", "binding"),
    more: fc.dictionary(
      fc.constantFrom("model", "ports", "macAddress"),
      fc.oneof(fc.string(), fc.constant([{ port: 80 }])),
    ),
  })
  .map(({ name, method, more }) => {
    const isOld = ["slirp", "passt", "macvtap"].includes(method);
    const nic = { name, [method]: method === "binding" ? { name: "x" } : {}, ...more };
    return { nic, after: isOld ? { name, binding: { name: method }, ...more } : nic };
  });

test("the text says the same then, but for the interfaces, and a second time nothing changes", () => {
  const objectOf = (interfaces: readonly object[]): object => ({
    apiVersion: "kubevirt.io/v1",
    kind: "VirtualMachineInstance",
    metadata: { name: "vm", annotations: { note: "slirp: {}" } },
    spec: { domain: { devices: { interfaces } } },
  });
  const writers = fc.constantFrom<(value: object) => string>(
    (value) => stringify(value, { version: "1.1", aliasDuplicateObjects: false }),
    (value) => stringify(value, { version: "1.1", aliasDuplicateObjects: false, collectionStyle: "flow" }),
    (value) => stringify(value, { version: "1.1" }).replaceAll("\n", "\r\n"),
    (value) => `${JSON.stringify(value)}\n`,
    (value) => `${JSON.stringify(value, null, 4)}\n`,
  );
  const documents = fc.array(fc.array(nics, { maxLength: 4 }), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(documents, writers, fc.boolean(), (all, write, isList) => {
      const textOf = (objects: readonly object[]): string =>
        isList ? write({ apiVersion: "v1", kind: "List", items: objects }) : objects.map(write).join("---\n");
      const before = textOf(all.map((one) => objectOf(one.map(({ nic }) => nic))));
      const converted = convert(before);
      expect(converted.violations).toEqual([]);
      expect(valuesOf(converted.text)).toEqual(
        valuesOf(textOf(all.map((one) => objectOf(one.map(({ after }) => after))))),
      );
      expect(converted.changes).toHaveLength(all.flat().filter(({ nic, after }) => nic !== after).length);
      expect(convert(converted.text)).toEqual({
        text: converted.text,
        changes: [],
        warnings: [],
        violations: [],
        duplicates: [],
      });
      // What is between the changes is the same, byte for byte.
      const undone = converted.changes.reduce((text, { from, to }) => text.replace(to, () => from), converted.text);
      expect(undone).toBe(before);
    }),
    { numRuns: 300 },
  );
});
