import { rmSync } from "node:fs";
import { State, stateDirectories, type VmStatus } from "@netbind/local";
import { afterAll, beforeAll, expect, test } from "vitest";
import { demoVmi } from "../demo/vmi.ts";
import { HostileNode, MASKED } from "../support/netns/hostile-node.ts";
import { type MachineState, machineState, makeStateDirectory } from "../support/guest/machine.ts";
import { netbind, type Outcome } from "../support/guest/netbind.ts";

let before: MachineState;
let directory: string;

beforeAll(async () => {
  before = await machineState();
  directory = makeStateDirectory("e2e");
});
afterAll(() => rmSync(directory, { recursive: true }));

test("a VM runs, with all of its services and sidecars, where /proc is masked, read-only and lxcfs's", async () => {
  {
    await using node = await HostileNode.make({ setUp: MASKED });
    const call = (args: readonly string[], stdin = ""): Promise<Outcome> =>
      netbind(args, { env: { NETBIND_STATE_DIR: directory }, stdin, enter: node.enter });
    try {
      const started = await call(
        ["run", "-f", "-", "--keep", "-o", "json", "--wait", "90"],
        demoVmi({ name: "one", port: 80, nonce: "served-anyway" }),
      );
      expect(started.code, started.stderr).toBe(0);
      const { nics, processes } = JSON.parse(started.stdout) as VmStatus;
      expect(nics[0]?.guestAddresses).toContain("10.0.2.2");
      expect(nics[0]?.traffic).toEqual({ fromGuest: true, toGuest: true });
      expect(processes.every(({ alive }) => alive)).toBe(true);
      expect((await call(["check"])).stdout).toBe("default/one: healthy\n");
      const { nodeNetns } = new State({ ...stateDirectories(process.env), state: directory });
      const page = `http://${nics[0]?.podAddresses[0]}/`;
      const fetched = await node.exec([
        "ip",
        "netns",
        "exec",
        nodeNetns,
        "curl",
        "-s",
        "--retry",
        "20",
        "--retry-connrefused",
        page,
      ]);
      expect(fetched.trim()).toBe("served-anyway");
      expect(await call(["stop", "one"])).toMatchObject({ code: 0 });
    } finally {
      await call(["stop", "--force", "one"]);
    }
  }
  expect(await machineState()).toEqual(before);
});
