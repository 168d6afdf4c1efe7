import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { machineState, makeStateDirectory } from "../support/guest/machine.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

test("the demo in a fresh clone: installs what it needs, and every proof holds", { timeout: 900_000 }, async () => {
  const before = await machineState();
  const directory = mkdtempSync(join(tmpdir(), "netbind-clone-"));
  const state = makeStateDirectory("clone");
  try {
    execFileSync("git", ["clone", "--quiet", ROOT, join(directory, "netbind")]);
    // Nothing of this checkout's tools: the path that a person's shell has.
    const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    const env = { HOME: process.env["HOME"] ?? "/root", PATH: path, NETBIND_STATE_DIR: state };
    const options = ["--", "--cidr", "10.77.0.0/24", "--port", "8081"];
    const demo = spawnSync("npm", ["run", "demo", ...options], {
      cwd: join(directory, "netbind"),
      env,
      encoding: "utf8",
    });
    expect(demo.status, demo.stdout + demo.stderr).toBe(0);
    expect(demo.stdout).toMatch(/red +masquerade +10\.\d+\.\d+\.\d+,\S+ +10\.77\.0\.2,fd10:0:2::2/);
    expect(demo.stdout.match(/^ {2}ok {2}/gm)?.length).toBe(5);
    expect(demo.stdout).not.toContain("FAIL");
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  expect(await machineState()).toEqual(before);
  rmSync(state, { recursive: true });
});
