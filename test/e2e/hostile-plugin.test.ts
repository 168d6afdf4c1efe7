import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { State, stateDirectories } from "@netbind/local";
import { demoVmi } from "../demo/vmi.ts";
import { bundlePlugin } from "../support/build/bundle.ts";
import { expectHarmless } from "../support/cases/hostile-text.ts";
import { type MachineState, machineState, makeStateDirectory } from "../support/guest/machine.ts";
import { netbind, type Outcome } from "../support/guest/netbind.ts";
import { documents, nad } from "../support/kube/objects.ts";

let directory: string;
let state: State;
let before: MachineState;
let plugin: string;
/** A plugin that refuses or fails before anything is made. */
let picky: string;

beforeAll(async () => {
  before = await machineState();
  directory = makeStateDirectory("e2e");
  state = new State({ ...stateDirectories(process.env), state: directory });
  plugin = bundlePlugin("hostile", directory);
  picky = bundlePlugin("picky", directory);
});
afterAll(() => rmSync(directory, { recursive: true }));

/** Runs a VM whose binding does the harm that its NIC is named after. */
const runHarmed = (harm: string, ...options: readonly string[]): Promise<Outcome> =>
  netbind(["run", "-f", "-", "--plugin", plugin, "-o", "json", ...options], {
    env: { NETBIND_STATE_DIR: directory },
    stdin: vmiOf(harm),
  });

const vmiOf = (harm: string): string =>
  demoVmi({ name: "one", port: 80, nonce: "x" })
    .replaceAll("name: red", `name: ${harm}`)
    .replace("masquerade: {}", "binding: {name: hostile}");

test.each([
  [
    "bounds",
    3,
    "PLAN_OUT_OF_BOUNDS",
    ['"cni0" is not this NIC\'s bridge', "64 queues", '"kernel.core_pattern" is not granted', "limited to"],
  ],
  ["huge", 3, "PLAN_OUT_OF_BOUNDS", ["are the most"]],
  ["slow", 1, "UNAVAILABLE", ["hostile"]],
  ["crash", 1, "UNAVAILABLE", ["hostile"]],
  [
    "domain",
    1,
    "PLUGIN_FAILED",
    ["(container hook-sidecar-0) answered OnDefineDomain with a domain that differs", "LD_PRELOAD"],
  ],
  ["throws", 1, "PLUGIN_FAILED", ["no\nplan { } today"]],
] as const)(
  "a plugin that does harm by %s ends with exit code %i and %s, and nothing of its VM is there",
  async (harm, exit, code, words) => {
    const ended = await runHarmed(harm);
    expect(ended.code, ended.stderr).toBe(exit);
    const { error } = JSON.parse(ended.stdout) as { error: { code: string; message: string } };
    expect(error.code).toBe(code);
    for (const word of words) expect(error.message).toContain(word);
    expect(await machineState()).toEqual(before);
    expect(state.vmIds()).toEqual([]);
  },
);

test("a plugin whose error would write over a terminal is shown by escapes, within bounds, and nothing it says looks like ours", async () => {
  const ended = await netbind(["run", "-f", "-", "--plugin", plugin], {
    env: { NETBIND_STATE_DIR: directory },
    stdin: vmiOf("terminal"),
  });
  expect(ended.code).toBe(1);
  expect(ended.stderr).toContain("[PLUGIN_FAILED]");
  expectHarmless(ended.stdout + ended.stderr);
  expect(ended.stderr).not.toMatch(/^netbind: default\/other/m);
  expect(ended.stderr.length).toBeLessThan(20_000);
  expect(await machineState()).toEqual(before);
});

test("a plugin that plans differently each time is asked once: the record is what counts", async () => {
  const started = await runHarmed("different", "--keep", "--wait", "0");
  expect(started.code, started.stderr).toBe(0);
  const [id = ""] = state.vmIds();
  const record = JSON.parse(readFileSync(`${state.podDirectory(id)}/record.json`, "utf8")) as {
    nics: { different: { plan: { network: { links: { mtu: number }[] } } } };
    domainXml: string;
  };
  const [bridge] = record.nics.different.plan.network.links;
  expect(bridge?.mtu).toBeGreaterThanOrEqual(1000);
  const stopped = await netbind(["stop", "--force", "one"], { env: { NETBIND_STATE_DIR: directory } });
  expect(stopped.code, stopped.stderr).toBe(0);
  expect(await machineState()).toEqual(before);
});

const runPicky = (nic: string, ...options: readonly string[]): Promise<Outcome> =>
  netbind(["run", "-f", "-", "--plugin", picky, "-o", "json", ...options], {
    env: { NETBIND_STATE_DIR: directory, NETBIND_LOG_DIR: `${directory}/logs` },
    stdin: vmiOf(nic).replace("name: hostile", "name: picky"),
  });

test.each([
  ["refused", 3, /"virtio" is not a model for this binding.*the pod network is not for this binding/s],
  ["throws", 1, /\[PLUGIN_FAILED\] binding "picky" failed to admit NIC "throws": nothing is known of throws \(at /],
  ["hangs", 1, /\[PLUGIN_FAILED\] binding "picky" failed to admit NIC "hangs": no answer came within/],
  ["exits", 1, /\[PLUGIN_FAILED\] binding "picky" failed to admit NIC "exits": it ended with exit code 7/],
  ["needs-throws", 1, /\[PLUGIN_FAILED\] binding "picky" failed to report the needs of NIC "needs-throws"/],
  ["needs-much", 3, /needs the capability "SYS_ADMIN", which is not granted to it/],
] as const)(
  "a plugin that %s when it is asked keeps the VM from being started: exit code %i",
  async (nic, exit, says) => {
    const ended = await runPicky(nic);
    expect([ended.code, ended.stderr]).toEqual([exit, expect.stringMatching(says)]);
    expect(ended.stderr).not.toContain("making the pod");
    expect(await machineState()).toEqual(before);
    expect(state.vmIds()).toEqual([]);
  },
);

test("what a sidecar printed before a start failed is quoted, and kept where all else of the VM is removed", async () => {
  const ended = await runPicky("plans-text");
  expect([ended.code, ended.stderr]).toEqual([
    1,
    expect.stringContaining('network.links[0].mtu: "1500" is not a whole number'),
  ]);
  const kept = /the whole text is in (\S+\.log)\)/.exec(ended.stderr)?.[1] ?? "";
  expect(readFileSync(kept, "utf8")).toContain('what plan returned is not a plan: network.links[0].mtu: "1500"');
  expect(await machineState()).toEqual(before);
  expect(state.vmIds()).toEqual([]);
});

test("a plugin's takesPodMac and the administrator's grants hold for the VM that runs, and are in its record", async () => {
  const grants = `${directory}/grants.json`;
  writeFileSync(
    grants,
    JSON.stringify({ picky: { linkKinds: ["bridge", "tap"], capabilities: [] }, other: { sysctls: [] } }),
  );
  const started = await runPicky("fine", "--keep", "--wait", "0", "--grants", grants);
  expect(started.code, started.stderr).toBe(0);
  const [id = ""] = state.vmIds();
  const record = JSON.parse(readFileSync(`${state.podDirectory(id)}/record.json`, "utf8")) as {
    readonly attached: readonly { readonly mac: string; readonly pod: { readonly mac: string } }[];
    readonly grants: unknown;
  };
  expect(record.attached[0]?.mac).toBe(record.attached[0]?.pod.mac);
  expect(record.grants).toEqual({ picky: { linkKinds: ["bridge", "tap"], capabilities: [] } });
  const stopped = await netbind(["stop", "--force", "one"], { env: { NETBIND_STATE_DIR: directory } });
  expect(stopped.code, stopped.stderr).toBe(0);
  writeFileSync(grants, JSON.stringify({ picky: { linkKinds: ["bridge"] } }));
  const refused = await runPicky("fine", "--grants", grants);
  expect([refused.code, refused.stderr]).toEqual([3, expect.stringContaining('links of kind "tap" are not granted')]);
  expect(await machineState()).toEqual(before);
});

test("a NIC that comes to a running VM is asked of the plugin that serves its binding in that VM's pod", async () => {
  const env = { NETBIND_STATE_DIR: directory, NETBIND_LOG_DIR: `${directory}/logs` };
  const started = await netbind(
    ["run", "-f", "-", "--plugin", picky.replace("picky=", "bridge="), "--keep", "--wait", "0"],
    {
      env,
      stdin: vmiOf("fine").replace("name: hostile", "name: bridge"),
    },
  );
  expect([started.code, started.stderr]).toEqual([
    0,
    expect.stringContaining("replaces this release's own binding bridge"),
  ]);
  const nads = `${directory}/nads.yaml`;
  writeFileSync(nads, documents(nad("lan", { type: "bridge", bridge: "br-lan" })));
  const attach = (nic: string): Promise<Outcome> =>
    netbind(["attach-nic", "one", nic, "--network", "lan", "-f", nads], { env });
  const refused = await attach("refused");
  expect([refused.code, refused.stderr]).toEqual([
    3,
    expect.stringContaining('"virtio" is not a model for this binding'),
  ]);
  const failed = await attach("throws");
  expect([failed.code, failed.stderr]).toEqual([
    1,
    expect.stringContaining('[PLUGIN_FAILED] binding "bridge" failed to admit NIC "throws"'),
  ]);
  const stopped = await netbind(["stop", "--force", "one"], { env });
  expect(stopped.code, stopped.stderr).toBe(0);
  expect(await machineState()).toEqual(before);
});
