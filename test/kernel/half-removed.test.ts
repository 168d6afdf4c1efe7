/** A namespace's name outlives it for a moment while it is removed: netbind may be killed just then. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { collectGarbage, makeNetns, netnsPath, State, stateDirectories } from "@netbind/local";
import { bareMountsIn, exec, inNetns } from "@netbind/netns";
import { describe, expect, test } from "vitest";
import { PodRecordFile } from "@netbind/pod";
import { type LocalPodRecord, openRecord } from "../../core/local/src/record/local-pod-record.ts";
import { cniAdd } from "../../core/local/src/networks/cni.ts";
import { makeNode } from "../../core/local/src/node/node-netns.ts";
import { teardownPod } from "../../core/local/src/pod/teardown.ts";
import { makeDirectory } from "../../core/netns/src/files/root-files.ts";
import { vmId } from "../../core/local/src/record/state.ts";
import { mountWritable, writableDirectory } from "../../core/local/src/pod/writable.ts";
import { machineState, makeStateDirectory } from "../support/guest/machine.ts";

const LAYER2 = { cniVersion: "1.0.0", name: "half", plugins: [{ type: "bridge", bridge: "br0" }] };

const recordOf = (state: State, id: string, attachments: LocalPodRecord["attachments"]): LocalPodRecord => ({
  ...{
    version: 1,
    id,
    namespace: "default",
    name: "one",
    uid: "u",
    source: "-",
    createdAt: "2026-01-01T00:00:00.000Z",
  },
  ...{
    phase: "starting",
    netns: state.podNetns(id),
    serviceUid: 1_900_000_001,
    bindings: {},
    nics: {},
    processes: [],
    attachments,
  },
  vmi: {
    metadata: { namespace: "default", name: "one" },
    spec: { domain: { devices: {} } },
  } as unknown as LocalPodRecord["vmi"],
});

/** A pod on the pod network, as its record tells, with the state directory that it is in. */
async function preparePod(): Promise<{ readonly state: State; readonly id: string; readonly pod: string }> {
  const state = new State({ ...stateDirectories(process.env), state: makeStateDirectory("half") });
  state.prepare();
  const id = vmId("default", "one");
  const netns = state.podNetns(id);
  const attachment = { network: "pod", ifname: "eth0", containerId: `netbind-${id}`, config: LAYER2 };
  makeDirectory(state.podDirectory(id));
  PodRecordFile.create(state.podDirectory(id), recordOf(state, id, [attachment]));
  await makeNode(exec, state);
  await makeNetns(exec, netns);
  await cniAdd({ exec, node: netnsPath(state.nodeNetns), netns: netnsPath(netns) }, attachment);
  return { state, id, pod: netns };
}

test("a pod whose namespace is gone but for its name is removed from its record", async () => {
  const before = await machineState();
  const { state, id, pod } = await preparePod();
  await exec(["umount", netnsPath(pod)]);
  expect(existsSync(netnsPath(pod))).toBe(true);
  await teardownPod(state, exec, id, 0);
  expect([existsSync(netnsPath(pod)), existsSync(netnsPath(state.nodeNetns)), state.podIds()]).toEqual([
    false,
    false,
    [],
  ]);
  expect(await machineState()).toEqual(before);
  rmSync(state.root, { recursive: true });
});

test("a process that was started for a pod and never recorded ends with it, wherever it has got to", async () => {
  const { state, id } = await preparePod();
  const log = openSync(join(state.podDirectory(id), "hook-sidecar-0.log"), "a");
  const stray = spawn("sleep", ["600"], { stdio: ["ignore", log, log] });
  closeSync(log);
  const ended = once(stray, "exit");
  await teardownPod(state, exec, id, 0);
  expect(await ended).toEqual([null, "SIGTERM"]);
  rmSync(state.root, { recursive: true });
});

describe("the file system of what a VM's users may write", () => {
  /** What is mounted of a state directory, but what the node has. */
  const writableMounts = async ({ node }: State): Promise<readonly string[]> =>
    (await machineState()).mounts.filter((path) => !path.startsWith(`${node}/`));
  const directories = async (): Promise<{
    readonly state: State;
    readonly id: string;
    readonly record: LocalPodRecord;
  }> => {
    const { state, id } = await preparePod();
    const recordFile = openRecord(state.podDirectory(id)) ?? expect.fail("nothing is recorded");
    recordFile.update({ writable: { bytes: 1024 ** 2, inodes: 64 } });
    return { state, id, record: recordFile.record };
  };
  const fill = (path: string): Promise<string> =>
    exec(["sh", "-c", 'mkdir "$0/deep" && head -c 2M /dev/zero > "$0/deep/x" || true', path]);

  test.each([
    ["is mounted, with its record", async () => undefined],
    ["is mounted, and nothing is recorded", async ({ vm }: { vm: string }) => rmSync(vm, { recursive: true })],
    [
      "is there as a directory alone",
      async ({ writable }: { writable: string }) => void (await exec(["umount", writable])),
    ],
    [
      "is mounted twice",
      async ({ writable }: { writable: string }) =>
        void (await exec(["mount", "-t", "tmpfs", "-o", "size=1M", "tmpfs", writable])),
    ],
    [
      "is mounted, and somebody works in it",
      async ({ writable }: { writable: string }) => void openSync(writable, "r"),
    ],
  ] as const)("goes with the VM where it %s", async (_, change) => {
    const before = await machineState();
    const { state, id, record } = await directories();
    await mountWritable(state, exec, record);
    await mountWritable(state, exec, record);
    const writable = state.writable(id);
    expect(await writableMounts(state)).toEqual([writable]);
    await fill(writableDirectory(state, record));
    expect(statfsSync(writable).bavail).toBe(0);
    await change({ vm: state.podDirectory(id), writable });
    expect(await collectGarbage(state, exec)).toMatchObject({ failed: [] });
    expect(await machineState()).toEqual(before);
    expect(existsSync(writable)).toBe(false);
    rmSync(state.root, { recursive: true });
  });

  test("stays for a VM's other pod, and only what is the pod's goes", async () => {
    const { state, id, record } = await directories();
    const next = { ...record, id: `${id}-1` };
    makeDirectory(state.podDirectory(next.id));
    PodRecordFile.create(state.podDirectory(next.id), next);
    for (const pod of [record, next]) await mountWritable(state, exec, pod);
    await teardownPod(state, exec, id, 0);
    expect(readdirSync(state.writable(id))).toEqual([next.id]);
    expect(await writableMounts(state)).toEqual([state.writable(id)]);
    await teardownPod(state, exec, next.id, 0);
    expect((await machineState()).mounts).toEqual([]);
    rmSync(state.root, { recursive: true });
  });
});

test("a namespace is made where there is its name alone", async () => {
  const name = `nbtest-${randomBytes(4).toString("hex")}`;
  writeFileSync(netnsPath(name), "");
  await makeNetns(exec, name);
  expect(await inNetns(netnsPath(name), exec)(["ip", "-br", "link"])).toMatch(/^lo /);
  await exec(["ip", "netns", "delete", name]);
});

describe("the node", () => {
  const ready = async (state: State): Promise<readonly [forwards: string, link: string]> => {
    const inside = inNetns(netnsPath(state.nodeNetns), exec);
    return [(await inside(["sysctl", "-n", "net.ipv4.ip_forward"])).trim(), await inside(["ip", "-br", "link"])];
  };

  const removed = async (name: string): Promise<void> => void (await exec(["ip", "netns", "delete", name]));
  /** Another of its name that has its number too, as the kernel gives it to the next one that is made. */
  const another = async (name: string, state: State): Promise<void> => {
    await removed(name);
    await exec(["ip", "netns", "add", name]);
    const kept = join(state.node, "made");
    const [, born] = readFileSync(kept, "utf8").split(" ");
    writeFileSync(kept, `${statSync(netnsPath(name)).ino} ${born}`);
  };

  test.each([
    ["is made already", () => Promise.resolve()],
    ["was removed by hand", removed],
    ["is another of its name, as one that was made half", another],
  ] as const)("is whole for the next pod where it %s", async (_, change) => {
    const before = await machineState();
    const state = new State({ ...stateDirectories(process.env), state: makeStateDirectory("node") });
    state.prepare();
    await makeNode(exec, state);
    await change(state.nodeNetns, state);
    await makeNode(exec, state);
    const [forwards, link] = await ready(state);
    expect(forwards).toBe("1");
    expect(link).toMatch(/^lo +UNKNOWN/);
    expect(bareMountsIn(state.mounts)).toBeDefined();
    expect(await collectGarbage(state, exec)).toMatchObject({ failed: [] });
    expect(await machineState()).toEqual(before);
    rmSync(state.root, { recursive: true });
  });
});
