/** Files as people name them: without -f, by a shell's glob, in directories. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { commandsOf, createProgram } from "../../../core/cli/src/program.ts";
import { expandFiles } from "../../../core/cli/src/input/expand-files.ts";
import { useNetbind } from "../../support/guest/use-netbind.ts";

const netbind = useNetbind();

const vm = (name: string): string =>
  JSON.stringify({
    apiVersion: "kubevirt.io/v1",
    kind: "VirtualMachineInstance",
    metadata: { name },
    spec: {
      domain: { devices: { interfaces: [{ name: "default", masquerade: {} }] } },
      networks: [{ name: "default", pod: {} }],
    },
  });

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "netbind-files-"));
  mkdirSync(join(directory, "below.yaml", "deeper"), { recursive: true });
  mkdirSync(join(directory, "empty"));
  for (const name of ["b.yaml", "a.yml", "c.json", "below.yaml/deeper/d.yaml"])
    writeFileSync(join(directory, name), vm(name.replace(/\W/g, "-")));
  writeFileSync(join(directory, "notes.txt"), "not a document: [");
  symlinkSync(directory, join(directory, "below.yaml", "loop"));
});
afterAll(() => rmSync(directory, { recursive: true }));

const named = (...names: readonly string[]): readonly string[] => names.map((name) => join(directory, name));

test("a directory is its documents by name, and with -R those below it, without following links", () => {
  expect(expandFiles([directory])).toEqual(named("a.yml", "b.yaml", "c.json"));
  expect(expandFiles([directory], true)).toEqual(named("a.yml", "b.yaml", "below.yaml/deeper/d.yaml", "c.json"));
});

test("what is not a directory with documents stays as it is named", () => {
  const names = ["-", "/no/such/file", ...named("notes.txt", "empty")];
  expect(expandFiles(names, true)).toEqual(names);
});

const program = createProgram(
  () => Promise.reject(new Error("nothing is composed")),
  () => Promise.reject(new Error("no action runs")),
);
/** Every command that reads documents, with what else it must be told. */
const READERS = commandsOf(program)
  .filter(({ options }) => options.some(({ long }) => long === "--filename"))
  .map((command): readonly string[] => [
    command.name(),
    ...command.registeredArguments.filter(({ required }) => required).map((one) => one.name()),
    ...command.options
      .filter(({ mandatory, defaultValue }) => mandatory && defaultValue === undefined)
      .map(({ long }) => `${long}=x`),
  ]);

test("the commands that read documents are found", () => {
  expect(READERS.map(([name]) => name)).toEqual(
    expect.arrayContaining(["run", "plan", "validate", "render", "convert", "attach-nic"]),
  );
});

describe.each(READERS)("%s", (...words) => {
  let broken: string;
  beforeAll(() => {
    broken = mkdtempSync(join(tmpdir(), "netbind-broken-"));
    mkdirSync(join(broken, "below"));
    for (const name of ["a.yaml", "b.yml", "c.json", "notes.txt", "below/d.yaml"])
      writeFileSync(join(broken, name), "a: [");
  });
  afterAll(() => rmSync(broken, { recursive: true }));

  /** The files that it finds something in. */
  async function filesOf(args: readonly string[]): Promise<readonly string[]> {
    const { code, stdout, stderr } = await netbind([...words, ...args], {
      stdin: "a: [",
      cwd: broken,
      env: { NETBIND_STATE_DIR: "/etc/passwd/netbind" },
    });
    expect(code, stderr).toBe(words[0] === "validate" ? 1 : 3);
    return [...`${stdout}${stderr}`.matchAll(/^(.*):\d+:\d+: error: /gm)].map(([, file = ""]) => file);
  }

  test.each([
    [
      ["-f", "a.yaml", "-f", "c.json"],
      ["a.yaml", "c.json"],
    ],
    [
      ["a.yaml", "c.json"],
      ["a.yaml", "c.json"],
    ],
    // As a shell makes of `-f *.y*ml`.
    [
      ["-f", "a.yaml", "b.yml"],
      ["a.yaml", "b.yml"],
    ],
    [
      ["-f", "."],
      ["a.yaml", "b.yml", "c.json"],
    ],
    [["."], ["a.yaml", "b.yml", "c.json"]],
    [
      ["-R", "-f", "."],
      ["a.yaml", "b.yml", "below/d.yaml", "c.json"],
    ],
    [
      ["below", "notes.txt"],
      ["below/d.yaml", "notes.txt"],
    ],
    [["-f", "-"], ["standard input"]],
    [
      ["a.yaml", "-"],
      ["a.yaml", "standard input"],
    ],
  ])("%j reads %j", async (args, files) => {
    expect(await filesOf(args)).toEqual(files);
  });

  test("an administrator's directory is read as one of others is", async () => {
    if (words[0] === "convert") return expect((await netbind([...words, "--admin", broken, broken])).code).toBe(2);
    expect([...(await filesOf(["--admin", "below", "a.yaml"]))].sort()).toEqual(["a.yaml", "below/d.yaml"]);
  });
});

test("what a directory has is validated, and one without documents is said to be", async () => {
  expect((await netbind(["validate", "-R", directory])).stdout).toContain("4 VMs: 0 violations");
  const { code, stdout } = await netbind(["validate", join(directory, "empty")]);
  expect([code, stdout]).toEqual([1, expect.stringContaining("name a directory with *.yaml, *.yml or *.json files")]);
});
