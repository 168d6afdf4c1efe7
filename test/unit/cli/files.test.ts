/** Files as people name them: without -f, by a shell's glob, in directories. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
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

test.each(["validate", "plan", "render", "convert"])(
  "%s takes files without -f, beside -f, and directories",
  async (command) => {
    const [a = "", b = ""] = named("a.yml", "b.yaml");
    expect((await netbind([command, a, b])).code).toBe(0);
    expect((await netbind([command, "-f", a, b])).code).toBe(0);
    expect((await netbind([command, "-R", "-f", directory])).code).toBe(0);
  },
);

test("what a directory has is validated, and one without documents is said to be", async () => {
  expect((await netbind(["validate", "-R", directory])).stdout).toContain("4 VMs: 0 violations");
  const { code, stdout } = await netbind(["validate", join(directory, "empty")]);
  expect([code, stdout]).toEqual([1, expect.stringContaining("name a directory with *.yaml, *.yml or *.json files")]);
});
