/** A CNI plugin of the machine that fails with words that would write over a terminal. */
import { randomBytes } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { demoVmi } from "../demo/vmi.ts";
import { expectHarmless, HOSTILE_TEXTS } from "../support/cases/hostile-text.ts";
import { type MachineState, machineState, makeStateDirectory } from "../support/guest/machine.ts";
import { netbind } from "../support/guest/netbind.ts";

const TYPE = `nbtest-${randomBytes(4).toString("hex")}`;
const PLUGIN = `/usr/lib/cni/${TYPE}`;
const SAYS = Object.values(HOSTILE_TEXTS).join(" ");

let directory: string;
let before: MachineState;
beforeAll(async () => {
  before = await machineState();
  directory = makeStateDirectory("e2e");
});
afterAll(() => {
  rmSync(PLUGIN, { force: true });
  rmSync(directory, { recursive: true });
});

const VMI = demoVmi({ name: "one", port: 80, nonce: "x" })
  .replace("        - name: red", `        - name: blue\n          bridge: {}\n        - name: red`)
  .replace(
    "    - name: red\n      pod",
    `    - name: blue\n      multus: {networkName: bad}\n    - name: red\n      pod`,
  );
const NAD = JSON.stringify({
  apiVersion: "k8s.cni.cncf.io/v1",
  kind: "NetworkAttachmentDefinition",
  metadata: { name: "bad" },
  spec: { config: JSON.stringify({ cniVersion: "1.0.0", name: "bad", type: TYPE }) },
});

test.each([
  [
    "an error object",
    JSON.stringify({ cniVersion: "1.0.0", code: 100, msg: SAYS, details: `${SAYS} ${"x".repeat(100_000)}` }),
  ],
  // A half of a character cannot be written as UTF-8.
  ["its standard error", SAYS.replaceAll(/\p{Cs}/gu, "").repeat(1000)],
] as const)("what it says by %s is shown by escapes, and bounded", async (how, says) => {
  const to = how === "its standard error" ? ">&2" : "";
  writeFileSync(
    PLUGIN,
    `#!/bin/sh\ncat > /dev/null\nbase64 -d ${to} <<'EOF'\n${Buffer.from(says).toString("base64")}\nEOF\n[ "$CNI_COMMAND" = DEL ] || exit 1\n`,
    {
      mode: 0o755,
    },
  );
  for (const output of ["text", "json"]) {
    const ended = await netbind(["run", "-f", "-", "-o", output], {
      env: { NETBIND_STATE_DIR: directory },
      stdin: `${VMI}---\n${NAD}\n`,
    });
    expect(ended.code, ended.stderr).toBe(1);
    expect(ended.stderr).toContain(TYPE);
    expectHarmless(ended.stdout + ended.stderr);
    expect(ended.stderr).not.toMatch(/^netbind: default\/other/m);
    expect(ended.stderr.length).toBeLessThan(300_000);
    expect(await machineState()).toEqual(before);
  }
});
