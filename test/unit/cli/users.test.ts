/** What another user than root sees, and what is said of VMs that are not there. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { netbind } from "../../support/guest/netbind.ts";

const NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"];

/** What the runtime made of the sources: root's is not for others to write to. */
const compiled = mkdtempSync(join(tmpdir(), "netbind-users-"));
chmodSync(compiled, 0o777);
afterAll(() => rmSync(compiled, { recursive: true }));

test.each([["run", "-f", "/nope"], ["status"], ["stop", "vm"], ["link", "up", "vm", "nic"]])(
  "%s as nobody says that it needs root",
  async (...args) => {
    const { code, stderr } = await netbind(args, { enter: NOBODY, env: { NODE_COMPILE_CACHE: compiled } });
    expect([code, stderr]).toEqual([1, `netbind: netbind ${args[0]} needs root: sudo netbind ${args[0]} ...\n`]);
  },
);

const VM = `apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata: {name: vm}
spec:
  domain:
    devices:
      interfaces: [{name: default, binding: {name: passt}}, {name: red, slirp: {}}]
  networks: [{name: default, pod: {}}, {name: red, multus: {networkName: lan}}]
`;
const RIGHT = VM.replace(", {name: red, slirp: {}}", "").replace(", {name: red, multus: {networkName: lan}}", "");

test.each([
  [["validate", "-f", "-"], VM, 1, "[DISC-1]"],
  [["plan", "-f", "-"], RIGHT, 0, "passt"],
  [["render", "-f", "-"], RIGHT, 0, "hook-sidecar-0"],
  [["explain", "DISC-1"], "", 0, "slirp"],
  [["explain", "passt"], "", 0, "passt"],
  [["convert", "-f", "-"], VM, 0, "binding"],
] as const)("%s works as nobody, who has no home", async (args, stdin, code, says) => {
  const env = { NODE_COMPILE_CACHE: compiled, HOME: undefined, XDG_CACHE_HOME: undefined, XDG_CONFIG_HOME: undefined };
  const answer = await netbind(args, { enter: NOBODY, env, stdin });
  expect(answer.code, answer.stderr).toBe(code);
  expect(answer.stdout).toContain(says);
});

test("stop stops what there is, and names each VM that is not there", async () => {
  const env = { NETBIND_STATE_DIR: `/tmp/netbind-none-${process.pid}` };
  const { code, stdout, stderr } = await netbind(["stop", "one", "other/two", "-o", "json"], { env });
  expect(code).toBe(4);
  expect(stderr).toMatch(/VM one is not stopped: [\s\S]*VM other\/two is not stopped: /);
  expect(JSON.parse(stdout)).toMatchObject({ stopped: [], failed: [{ vm: "one" }, { vm: "other/two" }] });
});
