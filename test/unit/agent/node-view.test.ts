import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SettingError } from "@netbind/netns";
import { expect, onTestFinished, test } from "vitest";
import { checkNodesProcesses, ownNamespaces } from "../../../core/agent/src/node-view.ts";

/** A /proc whose first process and whose reader have these mount namespaces. */
function procWith(first: string, own: string): string {
  const proc = mkdtempSync(join(tmpdir(), "netbind-proc-"));
  onTestFinished(() => rmSync(proc, { recursive: true }));
  for (const [name, link] of Object.entries({ "1": first, self: own })) {
    mkdirSync(join(proc, name, "ns"), { recursive: true });
    symlinkSync(link, join(proc, name, "ns/mnt"));
  }
  return proc;
}

test("an agent whose first process is its container's is not in the node's PID namespace", () => {
  expect(() => checkNodesProcesses(procWith("mnt:[2]", "mnt:[2]"))).toThrow(/hostPID: true/);
  expect(() => checkNodesProcesses(procWith("mnt:[1]", "mnt:[2]"))).not.toThrow();
});

test("a namespace of the node that cannot be read is a setting to correct", () => {
  expect(ownNamespaces("/proc/self/ns/net")).toHaveLength(2);
  expect(() => ownNamespaces("/proc/0/ns/net")).toThrow(SettingError);
});
