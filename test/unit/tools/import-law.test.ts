import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
let copy: string;

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), "netbind-law-"));
  const isSource = (path: string): boolean => !/[\\/](node_modules|dist|\.git|gen)([\\/]|$)/.test(path.slice(ROOT.length - 1));
  for (const name of ["biome.json", ".gitignore", "package.json", "core", "plugins", "proto", "sidecars"])
    cpSync(join(ROOT, name), join(copy, name), { recursive: true, filter: isSource });
  symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
  spawnSync("git", ["init", "-q"], { cwd: copy });
});
afterAll(() => rmSync(copy, { recursive: true }));

/** What both checks say of a tree: 0 where they find nothing. */
function judge(): { readonly biome: number | null; readonly manifests: number | null } {
  const biome = spawnSync(join(ROOT, "node_modules/.bin/biome"), ["lint", "core", "plugins", "sidecars"], { cwd: copy });
  const manifests = spawnSync(process.execPath, [join(ROOT, "tools/check-manifests.mjs"), copy]);
  return { biome: biome.status, manifests: manifests.status };
}

test("the tree obeys", () => expect(judge()).toEqual({ biome: 0, manifests: 0 }));

const planted: Readonly<Record<string, readonly [string, string]>> = {
  "a plugin imports the engine": ["plugins/masquerade/src/planted.ts", 'export { nicMac } from "@netbind/engine";'],
  "a plugin imports a module of the runtime": ["plugins/masquerade/src/planted.ts", 'export { readFileSync } from "node:fs";'],
  "a plugin imports another plugin": ["plugins/masquerade/src/planted.ts", 'export { default as other } from "@netbind/plugin-bridge";'],
  "the engine touches files": ["core/engine/src/planted.ts", 'export { readFileSync } from "node:fs";'],
  "the contract imports anything": ["core/contract/src/planted.ts", 'export { nicMac } from "@netbind/engine";'],
  "the host on one machine imports the one on Kubernetes": ["core/local/src/planted.ts", 'export { agent } from "@netbind/kube";'],
  "gRPC outside its packages": ["core/netns/src/planted.ts", 'export { Server } from "@grpc/grpc-js";'],
  "a type from where none may come": ["core/contract/src/planted.ts", 'export type Planted = import("@netbind/engine").Vmi;'],
  "a plugin outside the composition root": ["core/cli/src/planted.ts", 'export { default as planted } from "@netbind/plugin-masquerade";'],
};

const byPath: readonly (readonly [string, string])[] = [
  ["core/local/src/planted.ts", 'export { writeFileSync } from "node:fs";'],
  ["core/local/src/launcher/planted.ts", 'import { rm } from "node:fs/promises";\nexport const planted = rm;'],
  ["core/netns/src/planted.ts", 'export const planted = await import("fs");'],
];

for (const [file, text] of byPath) {
  test(`${file} works on files by path beside VMs: a check fails`, () => {
    writeFileSync(join(copy, file), `${text}\n`);
    const { manifests } = judge();
    rmSync(join(copy, file));
    expect(manifests).toBe(1);
  });
}

for (const [what, [file, text]] of Object.entries(planted)) {
  test(`${what}: a check fails`, () => {
    writeFileSync(join(copy, file), `${text}\n`);
    const { biome, manifests } = judge();
    rmSync(join(copy, file));
    expect(manifests).toBe(1);
    // Biome reads no import in the place of a type.
    if (!text.includes("import(")) expect(biome).not.toBe(0);
  });
}
