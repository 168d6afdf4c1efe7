/** Why no binding gets a capability in a launcher: what a container runtime gives a process of uid 107 is lost as it starts. */
import { exec } from "@netbind/netns";
import { expect, test } from "vitest";

/** The capabilities of a process of the launcher's user, as a runtime starts it with one that its specification adds. */
async function effective(...more: readonly string[]): Promise<bigint> {
  const user = ["--reuid=107", "--regid=107", "--clear-groups", "--inh-caps=+net_raw", "--bounding-set=+net_raw"];
  const status = await exec(["setpriv", ...user, ...more, "cat", "/proc/self/status"]);
  return BigInt(`0x${/^CapEff:\s+([0-9a-f]+)$/m.exec(status)?.[1]}`);
}
const NET_RAW = 1n << 13n;

test("a capability that a pod's specification adds is not effective in a process of uid 107", async () => {
  expect(await effective()).toBe(0n);
  // Kubernetes makes none ambient.
  expect(await effective("--ambient-caps=+net_raw")).toBe(NET_RAW);
});
