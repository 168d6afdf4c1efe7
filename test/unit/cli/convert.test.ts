/** The core bindings that KubeVirt 1.3 removed become binding plugins: these places change, and no other byte. */
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { convertText } from "../../../core/cli/src/convert/rewrite-yaml.ts";
import { netbind } from "../../support/guest/netbind.ts";

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

describe("the text", () => {
  test("an old key becomes the plugin of its name; comments, order and quotes stay", () => {
    const before = block("- name: a # first\n  slirp: {}  # old\n  ports:\n    - port: 80\n- {name: b, macvtap: {}}\n- name: c\n  passt:");
    const { text, changes } = convertText(before);
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
    expect(convertText(text)).toEqual({ text, changes: [], warnings: [], errors: [] });
  });

  test("JSON stays JSON, CRLF stays CRLF, and a list's items and many documents are found", () => {
    const object = {
      apiVersion: "kubevirt.io/v1",
      kind: "VirtualMachine",
      spec: { template: { spec: { domain: { devices: { interfaces: [{ name: "a", slirp: {} }] } } } } },
    };
    const { text } = convertText(JSON.stringify(object));
    expect(JSON.parse(text)).toMatchObject({
      spec: { template: { spec: { domain: { devices: { interfaces: [{ name: "a", binding: { name: "slirp" } }] } } } } },
    });
    const crlf = block("- name: a\n  slirp: {}").replaceAll("\n", "\r\n");
    expect(convertText(crlf).text).toBe(crlf.replace("slirp: {}", "binding: {name: slirp}"));
    const item = `- apiVersion: kubevirt.io/v1
  kind: VirtualMachineInstance
  spec: {domain: {devices: {interfaces: [{name: a, slirp: {}}]}}}
`;
    const list = `kind: List
items:
${item}`;
    expect(convertText(`${list}---\n${block("- name: b\n  passt: {}")}`).changes).toHaveLength(2);
  });

  test("templates of sets and pools are found, and other objects are left alone", () => {
    const interfaces = "domain: {devices: {interfaces: [{name: a, slirp: {}}]}}";
    const of = (apiVersion: string, kind: string, spec: string): number =>
      convertText(`apiVersion: ${apiVersion}\nkind: ${kind}\nspec: {${spec}}\n`).changes.length;
    expect(of("kubevirt.io/v1", "VirtualMachineInstanceReplicaSet", `template: {spec: {${interfaces}}}`)).toBe(1);
    expect(
      of("pool.kubevirt.io/v1alpha1", "VirtualMachinePool", `virtualMachineTemplate: {spec: {template: {spec: {${interfaces}}}}}`),
    ).toBe(1);
    expect(of("apps/v1", "Deployment", interfaces)).toBe(0);
    expect(of("example.com/v1", "VirtualMachineInstance", interfaces)).toBe(0);
  });

  test("what is reached twice, by an alias or a merge, is changed once, where it stands", () => {
    const shared = vmi("      interfaces:\n        - &base {name: a, slirp: {}}\n        - *base\n        - {<<: *base, name: c}");
    expect(convertText(shared)).toMatchObject({ text: shared.replace("slirp: {}", "binding: {name: slirp}"), changes: { length: 1 } });
  });

  test("an interface with two bindings, or with a value, is reported and left as it is", () => {
    const two = block(
      "- name: a\n  slirp: {}\n  bridge: {}\n- name: b\n  passt: {}\n  slirp: {}\n- name: c\n  macvtap: &x {}\n- name: d\n  slirp: {a: b}",
    );
    const { text, warnings } = convertText(two);
    expect(text).toBe(two);
    expect(warnings.map(({ line }) => line)).toEqual([11, 14, 17, 19]);
  });

  test("text that is not valid YAML is reported with its line; whatever it is, nothing throws", () => {
    expect(convertText("a: [\nb: }").errors[0]).toMatchObject({
      line: expect.any(Number),
      text: expect.stringContaining("not valid YAML"),
    });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.string().map((text) => block(`- name: ${text}\n  slirp: {}`)),
        ),
        (text) => {
          const { text: after, changes } = convertText(text);
          if (changes.length === 0) expect(after).toBe(text);
        },
      ),
    );
  });
});

describe("the command", () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "netbind-convert-"));
  });
  afterEach(() => rmSync(directory, { recursive: true }));
  const OLD = block("- name: a\n  slirp: {}");
  const NEW = OLD.replace("slirp: {}", "binding: {name: slirp}");

  test("shows a difference and changes nothing; with --write it changes the files, in place and at once", async () => {
    const path = join(directory, "vm.yaml");
    writeFileSync(path, OLD);
    chmodSync(path, 0o640);
    symlinkSync("vm.yaml", join(directory, "link.yaml"));
    const shown = await netbind(["convert", "-f", path]);
    expect(shown).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^--- .*\n\+\+\+ .*\n@@ [\s\S]*\n-\s+slirp: \{\}\n\+\s+binding: \{name: slirp\}\n/),
    });
    expect(readFileSync(path, "utf8")).toBe(OLD);
    expect((await netbind(["convert", "--write", "-f", join(directory, "link.yaml")])).code).toBe(0);
    expect(readFileSync(path, "utf8")).toBe(NEW);
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(readdirSync(directory).sort()).toEqual(["link.yaml", "vm.yaml"]);
    expect(await netbind(["convert", "-f", path])).toMatchObject({
      code: 0,
      stdout: "",
      stderr: expect.stringContaining("nothing to change"),
    });
  });

  test("standard input comes out on standard output; JSON lists what changed; a bad file changes none", async () => {
    expect((await netbind(["convert", "-f", "-"], { stdin: OLD })).stdout).toBe(NEW);
    const good = join(directory, "good.yaml");
    writeFileSync(good, OLD);
    const listed = await netbind(["convert", "-o", "json", "-f", good]);
    expect(JSON.parse(listed.stdout)).toEqual({
      files: [{ file: good, changes: [{ line: 11, interface: "a", from: "slirp: {}", to: "binding: {name: slirp}" }] }],
    });
    const bad = join(directory, "bad.yaml");
    writeFileSync(bad, "a: [\n");
    const refused = await netbind(["convert", "--write", "-f", good, "-f", bad, "-f", join(directory, "none.yaml")]);
    expect(refused).toMatchObject({ code: 3, stderr: expect.stringMatching(/none\.yaml:1[\s\S]*bad\.yaml:/) });
    expect(readFileSync(good, "utf8")).toBe(OLD);
  });
});
