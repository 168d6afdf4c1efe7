/** What may fail of a node under VMs on a cluster: the agent is another one, a planner hangs, a disk is full, power is lost. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { releasedGrants } from "@netbind/bindings";
import { processesOfUser } from "@netbind/netns";
import { afterAll, beforeAll, expect, onTestFailed, onTestFinished, test } from "vitest";
import {
  AGENT_STATE,
  agentLog,
  agentWarnings,
  agentSpec,
  replaceAgent,
  rolledOut,
  setAgentImage,
} from "../support/cluster/agent-objects.ts";
import { recordedPods } from "../support/cluster/agent-traces.ts";
import { CLIENT, makeClient } from "../support/cluster/services.ts";
import {
  eventsOf,
  logOnFailure,
  podNic,
  proveEnd,
  proveTraffic,
  tracesOf,
  vmWith,
} from "../support/cluster/journey.ts";
import { pushVersion } from "../support/cluster/registry.ts";
import { type ClusterVm, VmCluster } from "../support/cluster/vm-cluster.ts";
import type { PodObject } from "../support/cluster/vm-objects.ts";

/** Several VMs boot in each, on emulated processors. */
const LONG = { timeout: 900_000 } as const;
const NODE = "node1";
const BUNDLES = fileURLToPath(new URL("../../sidecars/dist", import.meta.url));

let cluster: VmCluster;
beforeAll(async () => {
  cluster = await VmCluster.up({ purpose: "node-faults", bindings: ["masquerade"], nodes: 1 });
  await makeClient(cluster.api);
});
afterAll(() => cluster[Symbol.asyncDispose]());

/** Starts a VM that the test ends, or that is ended where the test fails: the next one counts what is there. */
async function start(name: string): Promise<ClusterVm> {
  logOnFailure(cluster, name);
  const vm = await cluster.start(vmWith(name, [podNic("masquerade")]));
  onTestFailed(() => cluster.delete(vm).catch(() => undefined));
  return vm;
}

const podOf = (name: string): Promise<PodObject> =>
  cluster.api.request({ path: `/api/v1/namespaces/default/pods/${name}` });

/** Has a guest send five packets a second to another pod for so many seconds. Gives what became of them. */
async function ping({ guest }: ClusterVm, seconds: number): Promise<string> {
  const { status } = await podOf(CLIENT.name);
  const said = await guest.inGuest(`ping -q -i 0.2 -c ${seconds * 5} ${status.podIPs?.[0]?.ip}`);
  return /\d+ packets transmitted, \d+ packets received/.exec(said)?.[0] ?? said;
}
const allOf = (seconds: number): string => `${seconds * 5} packets transmitted, ${seconds * 5} packets received`;

test(
  "an agent of another version takes a running VM over: no packet is lost, and nothing of it is done again",
  LONG,
  async () => {
    const vm = await start("upgraded");
    const { record, serviceUid } = tracesOf(vm);
    const [text, servers] = [readFileSync(`${record}/record.json`, "utf8"), processesOfUser(serviceUid)];
    const { containers } = await agentSpec(cluster.api);
    const next = await pushVersion(cluster.directory, containers[0]?.image ?? "", "agent");
    expect(next).not.toBe(containers[0]?.image);
    const sent = ping(vm, 30);
    await setAgentImage(cluster.api, next);
    await expect.poll(() => eventsOf(cluster, "upgraded", "TAKEN_OVER"), { timeout: 60_000 }).toHaveLength(1);
    expect(await sent).toBe(allOf(30));
    expect(readFileSync(`${record}/record.json`, "utf8")).toBe(text);
    expect(processesOfUser(serviceUid)).toEqual(servers);
    await proveEnd(cluster, vm);
  },
);

test("a planner that never answers keeps the pods of its binding waiting, and no others", LONG, async () => {
  const node = cluster.node(NODE);
  const directory = "/run/netbind-bindings";
  const socket = `${directory}/slow/binding.sock`;
  const whole = await agentSpec(cluster.api);
  onTestFinished(() => replaceAgent(cluster.api, whole));
  const volume = { name: "bindings", hostPath: { path: directory, type: "DirectoryOrCreate" } };
  await node.exec(["mkdir", "-p", join(directory, "slow")]);
  // It is this release's masquerade under another name, and granted the same.
  const grants = join(directory, "slow/grants.json");
  writeFileSync(node.path(grants), JSON.stringify({ slow: releasedGrants()["masquerade"] }));
  const hangs = node.spawn([process.execPath, "-e", `require("net").createServer(() => {}).listen("${socket}")`]);
  await cluster.register("slow", "masquerade");
  await replaceAgent(cluster.api, {
    ...whole,
    volumes: [...whole.volumes, volume],
    containers: whole.containers.map((container) => ({
      ...container,
      args: [...container.args, "--bindings", directory, "--grants", grants],
      volumeMounts: [...container.volumeMounts, { name: volume.name, mountPath: directory }],
    })),
  });
  await rolledOut(cluster.api);
  logOnFailure(cluster, "slow");
  const waiting = await cluster.schedule(vmWith("slow", [podNic("slow")]));
  const other = await start("other");
  await expect.poll(() => eventsOf(cluster, "slow", "BINDING_UNREACHABLE"), { timeout: 150_000 }).toHaveLength(1);
  expect(await ping(other, 2)).toBe(allOf(2));
  expect(recordedPods(node)).toEqual([other.scheduled.pod.metadata.uid]);
  await node.exec(["pkill", "-KILL", "-f", socket]);
  hangs.kill();
  await node.exec(["rm", socket]);
  const answers = node.spawn([process.execPath, join(BUNDLES, "masquerade.mjs"), "binding", socket]);
  onTestFinished(async () => {
    await node.exec(["pkill", "-KILL", "-f", socket]);
    answers.kill();
  });
  const vm = await cluster.boot(waiting);
  await proveTraffic(cluster, vm, ["IPv4"]);
  await proveEnd(cluster, vm);
  await proveEnd(cluster, other);
});

test(
  "on a full disk a running VM goes on and a new one waits, with what is wrong; both are as ever once there is room",
  LONG,
  async () => {
    const node = cluster.node(NODE);
    const whole = await agentSpec(cluster.api);
    await node.exec(["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs", AGENT_STATE]);
    onTestFinished(async () => {
      await node.exec(["umount", "--lazy", AGENT_STATE]);
      await replaceAgent(cluster.api, whole);
      await rolledOut(cluster.api);
    });
    await replaceAgent(cluster.api, whole);
    await rolledOut(cluster.api);
    const vm = await start("held");
    await node.exec(["sh", "-c", `cat /dev/zero > ${AGENT_STATE}/fill || :`]);
    logOnFailure(cluster, "full");
    const waiting = await cluster.schedule(vmWith("full", [podNic("masquerade")]));
    await expect
      .poll(() => agentLog(cluster.api), { timeout: 60_000, interval: 1000 })
      .toMatch(/record\.json cannot be written: no space left on device/);
    await expect.poll(() => eventsOf(cluster, "full", "ATTACH_FAILED"), { timeout: 60_000 }).toHaveLength(1);
    expect(await ping(vm, 5)).toBe(allOf(5));
    await node.exec(["rm", `${AGENT_STATE}/fill`]);
    const next = await cluster.boot(waiting);
    await proveTraffic(cluster, next, ["IPv4"]);
    await proveEnd(cluster, next);
    await proveEnd(cluster, vm);
  },
);

test("after a reboot the pods of a node have failed, nothing stale is left, and a new VM runs", LONG, async () => {
  const vm = await start("lost");
  const { metadata } = vm.scheduled.pod;
  await cluster.reboot(1);
  const phase = async (): Promise<string> => (await podOf(metadata.name)).status.phase;
  await expect.poll(phase, { timeout: 180_000, interval: 1000 }).toBe("Failed");
  await rolledOut(cluster.api);
  expect(recordedPods(cluster.node(NODE))).toEqual([]);
  await vm.scheduled.objects.setPhase("Failed");
  await cluster.remove(vm.scheduled);
  const next = await start("next");
  expect(recordedPods(cluster.node(NODE))).toEqual([next.scheduled.pod.metadata.uid]);
  await makeClient(cluster.api);
  await proveTraffic(cluster, next, ["IPv4", "IPv6"]);
  await proveEnd(cluster, next);
  expect(await agentWarnings(cluster.api)).toEqual([]);
});
