/** What another user than root sees, and what is said of VMs that are not there. */
import { expect, test } from "vitest";
import { netbind } from "../../support/guest/netbind.ts";

const NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"];

test.each([["run", "-f", "/nope"], ["status"], ["stop", "vm"], ["link", "up", "vm", "nic"]])(
  "%s as nobody says that it needs root",
  async (...args) => {
    const { code, stderr } = await netbind(args, { enter: NOBODY, env: { NODE_COMPILE_CACHE: "" } });
    expect([code, stderr]).toEqual([1, `netbind: netbind ${args[0]} needs root: sudo netbind ${args[0]} ...\n`]);
  },
);

test("stop stops what there is, and names each VM that is not there", async () => {
  const env = { NETBIND_STATE_DIR: `/tmp/netbind-none-${process.pid}` };
  const { code, stdout, stderr } = await netbind(["stop", "one", "other/two", "-o", "json"], { env });
  expect(code).toBe(4);
  expect(stderr).toMatch(/VM one is not stopped: [\s\S]*VM other\/two is not stopped: /);
  expect(JSON.parse(stdout)).toMatchObject({ stopped: [], failed: [{ vm: "one" }, { vm: "other/two" }] });
});
