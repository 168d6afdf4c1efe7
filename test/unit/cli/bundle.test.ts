/** The command as it is published: bundled, it says what its sources say, and finds what its packages have beside themselves. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { demoVmi } from "../../demo/vmi.ts";
import { BUILT, netbind, SOURCE } from "../../support/guest/netbind.ts";

const directory = mkdtempSync(join(tmpdir(), "netbind-bundle-"));
const right = join(directory, "right.yaml");
const wrong = join(directory, "wrong.yaml");
const bundle = BUILT[0] ?? "";

beforeAll(() => {
  execFileSync(process.execPath, [fileURLToPath(new URL("../../../core/cli/build.mjs", import.meta.url))]);
  writeFileSync(right, demoVmi({ name: "vm", port: 80, nonce: "x" }));
  writeFileSync(wrong, demoVmi({ name: "vm", port: 80, nonce: "x" }).replace("masquerade: {}", "slirp: {}"));
});
afterAll(() => rmSync(directory, { recursive: true }));

test.each([
  ["--version"],
  ["--help"],
  ["validate", "--help"],
  ["help", "exit-codes"],
  ["validat"],
  ["validate", "--strict", right, wrong],
  ["validate", "-o", "json", wrong],
  ["validate", "-o", "jsn", right],
  ["plan", "-o", "json", right],
  ["render", right],
  ["explain", "DISC-1"],
  ["convert", wrong],
  ["completion", "bash"],
])("%s %s %s %s is answered as the sources answer it", async (...args) => {
  const [built, source] = await Promise.all([netbind(args, { program: BUILT }), netbind(args, { program: SOURCE })]);
  expect(built).toEqual(source);
});

test("what the runtime compiled is kept for the next call, where a variable does not name another place", async () => {
  const home = join(directory, "compiled");
  expect((await netbind(["--version"], { program: BUILT, env: { NODE_COMPILE_CACHE: home } })).code).toBe(0);
  expect(readdirSync(home)).toHaveLength(1);
});

test("each module that looks for files beside itself is where the bundle takes it to be", () => {
  const chunks = join(dirname(bundle), "chunks");
  const text = readdirSync(chunks).map((name) => readFileSync(join(chunks, name), "utf8"));
  const places = [...text.join("\n").matchAll(/new URL\("([^"]+)", import\.meta\.resolve\("@netbind\/([a-z]+)"\)\)/g)];
  expect(places.length).toBeGreaterThan(0);
  for (const [, module = "", name = ""] of places) {
    const index = new URL(`../../../core/${name}/dist/index.js`, import.meta.url);
    expect([module, existsSync(new URL(module, index))]).toEqual([module, true]);
  }
});
