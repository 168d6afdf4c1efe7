/** What an administrator grants bindings is read before anything is done, and told where it says something else. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkGrants } from "@netbind/engine";
import { expect, test } from "vitest";

const AGENT = fileURLToPath(new URL("../../../core/kube/src/agent/main.ts", import.meta.url));

test("kinds that there are, and settings of a network: all that is wrong is told with its place", () => {
  expect(checkGrants({ a: { domainKinds: ["device"], linkKinds: [], sysctls: ["net.ipv4.conf.<own>.proxy_arp"] }, b: {} })).toEqual([]);
  const fields = (grants: unknown): readonly string[] => checkGrants(grants).map(({ field }) => field);
  expect(fields([])).toEqual([""]);
  expect(fields({ a: { domainKinds: ["tap", "disk"], sysctl: [] }, b: { sysctls: 1, serviceKinds: ["dns"] } })).toEqual([
    "a.domainKinds[1]",
    "a.sysctl",
    "b.sysctls",
    "b.serviceKinds[0]",
  ]);
  expect(fields({ a: { sysctls: ["kernel.core_pattern", "net.ipv4/../x", "net.ipv4.ip_forward"] } })).toEqual([
    "a.sysctls[0]",
    "a.sysctls[1]",
  ]);
});

test("an agent with such a file does not start", () => {
  const directory = mkdtempSync(join(tmpdir(), "netbind-grants-"));
  try {
    const file = join(directory, "grants.json");
    for (const [text, told] of [
      ['{"a": {"domainKinds": ["disk"]}}', `${file}: a.domainKinds[0]: "disk" is not one of tap, device, userNetwork, hostdev`],
      ["{", "give a file of JSON"],
    ] as const) {
      writeFileSync(file, text);
      const options = ["--node", "n", "--objects", directory, "--state", join(directory, "state"), "--grants", file];
      const { status, stderr } = spawnSync(process.execPath, ["--conditions=@netbind/source", AGENT, ...options], { encoding: "utf8" });
      expect([status, stderr]).toEqual([2, expect.stringContaining(told)]);
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});
