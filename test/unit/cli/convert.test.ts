/** `netbind convert`, and that it reads what `netbind validate` reads. */
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { useNetbind } from "../../support/guest/use-netbind.ts";

const netbind = useNetbind();

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
    expect(refused).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/bad\.yaml:2:1: error: \[SCHEMA\] [\s\S]*none\.yaml:1:1: error: /),
    });
    expect(readFileSync(good, "utf8")).toBe(OLD);
  });
});

describe("one reader", () => {
  const NIC = "- name: a\n  slirp: {}";
  const LIST = `kind: List\napiVersion: v1\nitems:\n- ${block(NIC).trimEnd().replaceAll("\n", "\n  ")}\n`;
  const TEXTS: Readonly<Record<string, string>> = {
    plain: block(NIC),
    "flow style": vmi("      interfaces: [{name: a, slirp: {}}]"),
    "anchors and merges": vmi(
      "      interfaces:\n        - &base {name: a, slirp: {}}\n        - {<<: *base, name: b}",
    ),
    CRLF: block(NIC).replaceAll("\n", "\r\n"),
    "tabs between values": block("- name:\ta\n  slirp:\t{}\t# old"),
    "tabs for indentation": block("- name: a\n\tslirp: {}"),
    "duplicate keys": block("- name: b\n  name: a\n  slirp: {}"),
    "duplicate keys elsewhere": `${block(NIC)}---\na: 1\na: 2\n`,
    "words of YAML 1.1": block("- name: yes\n  slirp: {}"),
    "an unknown alias": block("- name: *none\n  slirp: {}"),
    "an unknown tag": block("- name: !own a\n  slirp: {}"),
    "many documents": `# first\n---\n${block(NIC)}---\n${block(NIC)}...\n`,
    "a document that is not an object": `${block(NIC)}---\n- 1\n`,
    "a document that is not YAML": `${block(NIC)}---\na: [\n`,
    "a List": LIST,
    "a List with something that is not an object": `${LIST}- 5\n`,
    "aliases without end": `a: &a [x, x]\n${Array.from({ length: 20 }, (_, at) => `b${at}: &b${at} [*${at === 0 ? "a" : `b${at - 1}`}, *${at === 0 ? "a" : `b${at - 1}`}]\n`).join("")}`,
    "JSON with a comma too many": `{"apiVersion": "v1", "kind": "Service",}\n---\n${block(NIC)}`,
    "not UTF-8": "\u0000bytes",
  };

  interface Found {
    readonly file: string;
    readonly line: number;
    readonly field: string;
    readonly problem: string;
    readonly fix: string;
  }

  /** What reading a text finds: all that is about no field of an object. */
  const unreadable = (found: readonly Found[]): readonly object[] =>
    found.filter(({ field }) => field === "").map(({ file, line, problem, fix }) => ({ file, line, problem, fix }));

  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "netbind-reader-"));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  test.each(Object.entries(TEXTS))("validate and convert say the same of %s", async (_, text) => {
    const path = join(directory, "vm.yaml");
    const bytes = text === "\u0000bytes" ? Buffer.from([0x61, 0x3a, 0x20, 0xff, 0x0a]) : Buffer.from(text);
    writeFileSync(path, bytes);
    const validated = JSON.parse((await netbind(["validate", "-o", "json", "-f", path])).stdout) as {
      violations: readonly Found[];
    };
    const { code, stdout } = await netbind(["convert", "--write", "-o", "json", "-f", path]);
    const converted = JSON.parse(stdout) as { error?: { violations: readonly Found[] }; files?: readonly unknown[] };
    expect(unreadable(converted.error?.violations ?? [])).toEqual(unreadable(validated.violations));
    const isRefused = unreadable(validated.violations).length > 0;
    expect([code, converted.files === undefined]).toEqual([isRefused ? 3 : 0, isRefused]);
    if (isRefused) expect(readFileSync(path)).toEqual(bytes);
  });

  test("what cannot be changed in its place is told with file and line, and no file is written", async () => {
    const [good, shared] = [join(directory, "good.yaml"), join(directory, "shared.yaml")];
    const text = vmi("      interfaces:\n        - {name: a, slirp: &none {}}\n        - {name: b, bridge: *none}");
    writeFileSync(good, block(NIC));
    writeFileSync(shared, text);
    const { code, stderr } = await netbind(["convert", "--write", "-f", good, "-f", shared]);
    expect([code, stderr]).toEqual([
      3,
      expect.stringContaining(`${shared}:10:21: error: [SCHEMA] slirp: slirp of interface "a" is shared`),
    ]);
    expect([readFileSync(good, "utf8"), readFileSync(shared, "utf8")]).toEqual([block(NIC), text]);
  });
});
