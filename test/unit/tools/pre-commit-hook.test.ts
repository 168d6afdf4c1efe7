/** The hook of .pre-commit-hooks.yaml, called as pre-commit calls it: its options, then files that it chose by their names. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { COMPILED, SOURCE } from "../../support/guest/netbind.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const [HOOK] = parse(readFileSync(join(ROOT, ".pre-commit-hooks.yaml"), "utf8")) as readonly {
  readonly entry: string;
  readonly language: string;
}[];

const vm = (port: number): string => `apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata: {name: vm${port}}
spec:
  domain: {devices: {interfaces: [{name: a, masquerade: {}, ports: [{port: ${port}}]}]}}
  networks: [{name: a, pod: {}}]
`;
const FILES: Readonly<Record<string, string>> = {
  "good vm.yaml": vm(80),
  "-bad.yaml": vm(70000),
  "package.json": '{"name": "x"}',
  "compose.yaml": "services: {a: {image: b}}\n",
  "play.yaml": "- hosts: all\n",
  "net.yaml":
    'apiVersion: k8s.cni.cncf.io/v1\nkind: NetworkAttachmentDefinition\nmetadata: {name: lan}\nspec: {config: \'{"cniVersion": "1.0.0", "name": "lan", "type": "bridge"}\'}\n',
};

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "netbind-hook-"));
  mkdirSync(join(directory, "bin"));
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(directory, name), text);
  const netbind = join(directory, "bin/netbind");
  writeFileSync(netbind, `#!/bin/sh\nexec '${[process.execPath, ...SOURCE].join("' '")}' "$@"\n`);
  chmodSync(netbind, 0o755);
});
afterAll(() => rmSync(directory, { recursive: true }));

function hook(...words: readonly string[]): { readonly status: number | null; readonly output: string } {
  const { status, stdout, stderr } = spawnSync(join(ROOT, HOOK?.entry ?? ""), words, {
    cwd: directory,
    env: { PATH: `${directory}/bin:/usr/bin:/bin`, NODE_COMPILE_CACHE: COMPILED },
    encoding: "utf8",
  });
  return { status, output: stdout + stderr };
}

test("files of others pass, and nothing is called for them", () => {
  expect(HOOK?.language).toBe("script");
  expect(hook("package.json", "compose.yaml", "play.yaml")).toEqual({ status: 0, output: "" });
  expect(hook()).toEqual({ status: 0, output: "" });
});

test("files of KubeVirt's are validated together, whatever their names are", () => {
  expect(hook("good vm.yaml", "package.json", "net.yaml")).toEqual({
    status: 0,
    output: "1 VM: 0 violations, 0 warnings\n",
  });
  const { status, output } = hook("./-bad.yaml", "good vm.yaml", "play.yaml");
  expect([status, output]).toEqual([1, expect.stringContaining("./-bad.yaml:5:70: error: [PORT-4] ")]);
  expect(output).toContain("2 VMs: 1 violation");
});

test("options come before the files, with their values", () => {
  expect(
    hook("--kubevirt-version", "1.8", "-f", "net.yaml", "-o", "json", "compose.yaml", "good vm.yaml").output,
  ).toContain('"version": "1.8"');
  expect(hook("--kubevirt-version", "0.1", "good vm.yaml").status).toBe(2);
});
