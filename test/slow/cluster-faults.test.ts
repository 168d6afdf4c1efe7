/** What may fail around VMs on a cluster: the API server, the agent, etcd, a pod that goes before it is attached. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { endProcesses, processesOfUser } from "@netbind/netns";
import { afterAll, beforeAll, expect, onTestFailed, test } from "vitest";
import { signalAgent } from "../support/cluster/agent-objects.ts";
import { recordedPods, removeUnstarted } from "../support/cluster/agent-traces.ts";
import { compactEtcd } from "../support/cluster/etcd.ts";
import {
  eventsOf,
  expectPage,
  logOnFailure,
  podNic,
  PORT,
  proveEnd,
  proveTraffic,
  serveIn,
  tracesOf,
  vmWith,
} from "../support/cluster/journey.ts";
import type { InNode } from "../support/cluster/in-node.ts";
import { CLIENT, makeClient, makeService } from "../support/cluster/services.ts";
import { type ClusterVm, VmCluster } from "../support/cluster/vm-cluster.ts";
import type { PodObject } from "../support/cluster/vm-objects.ts";

/** Several VMs boot in each, on emulated processors. */
const LONG = { timeout: 600_000 } as const;

let cluster: VmCluster;
let node: InNode;
let client: string;
beforeAll(async () => {
  cluster = await VmCluster.up({ purpose: "faults", bindings: ["masquerade"], nodes: 1 });
  node = cluster.node("node1");
  await makeClient(cluster.api);
  const { status } = await cluster.api.request<PodObject>({ path: `/api/v1/namespaces/default/pods/${CLIENT.name}` });
  client = status.podIPs?.[0]?.ip ?? "";
});
afterAll(() => cluster[Symbol.asyncDispose]());

/** Starts a VM that the test ends, or that is ended where the test fails: the next one counts what is there. */
async function start(name: string): Promise<ClusterVm> {
  const vm = await cluster.start(vmWith(name, [podNic("masquerade")]));
  onTestFailed(() => cluster.delete(vm).catch(() => undefined));
  logOnFailure(cluster, name);
  return vm;
}

/** Has a guest send five packets a second to another pod for so many seconds. Gives what became of them. */
async function ping({ guest }: ClusterVm, seconds: number): Promise<string> {
  const said = await guest.inGuest(`ping -q -i 0.2 -c ${seconds * 5} ${client}`);
  return /\d+ packets transmitted, \d+ packets received/.exec(said)?.[0] ?? said;
}
const allOf = (seconds: number): string => `${seconds * 5} packets transmitted, ${seconds * 5} packets received`;

const recorded = (): readonly string[] => recordedPods(node);

test(
  "an agent that is killed under a running VM takes over what it did, and cleans up what went meanwhile",
  LONG,
  async () => {
    const [vm, other] = await Promise.all([start("kept"), start("gone")]);
    const { record } = tracesOf(vm);
    const text = readFileSync(`${record}/record.json`, "utf8");
    const { serviceUid } = tracesOf(vm);
    const servers = processesOfUser(serviceUid);
    const sent = ping(vm, 20);
    await signalAgent(cluster.api, node, "STOP");
    await cluster.delete(other);
    expect(recorded().length).toBe(2);
    await signalAgent(cluster.api, node, "KILL");
    await expect.poll(() => recorded().length, { timeout: 60_000 }).toBe(1);
    await expect.poll(() => eventsOf(cluster, "kept", "TAKEN_OVER"), { timeout: 60_000 }).toHaveLength(1);
    expect(await sent).toBe(allOf(20));
    expect(readFileSync(`${record}/record.json`, "utf8")).toBe(text);
    expect(processesOfUser(serviceUid)).toEqual(servers);
    await proveEnd(cluster, vm);
  },
);

test.each([0, 50, 200])("a pod that is deleted %d ms after its attach began leaves nothing", LONG, async (after) => {
  const name = `short-${after}`;
  logOnFailure(cluster, name);
  const namespaces = (): number => readdirSync(node.path("/run/netns")).length;
  const before = namespaces();
  const scheduled = cluster.schedule(vmWith(name, [podNic("masquerade")])).catch(() => undefined);
  await expect.poll(() => recorded().length, { timeout: 60_000, interval: 5 }).toBe(1);
  const [uid = ""] = recorded();
  await sleep(after);
  await removeUnstarted(cluster, name);
  await expect.poll(recorded, { timeout: 60_000 }).toEqual([]);
  await expect.poll(namespaces, { timeout: 60_000 }).toBe(before);
  const volumes = node.path(`/var/lib/kubelet/pods/${uid}/volumes`);
  await expect.poll(() => existsSync(volumes), { timeout: 60_000 }).toBe(false);
  await scheduled;
});

test(
  "an agent whose watch is lost and whose version etcd has dropped sees what went and what came meanwhile",
  LONG,
  async () => {
    const [vm, other] = await Promise.all([start("still"), start("lost")]);
    await signalAgent(cluster.api, node, "STOP");
    await cluster.delete(other);
    const coming = await cluster.schedule(vmWith("new", [podNic("masquerade")]));
    await cluster.api.order("stop", "kube-apiserver");
    await compactEtcd(cluster.directory);
    await cluster.api.order("start", "kube-apiserver");
    await signalAgent(cluster.api, node, "CONT");
    const next = await cluster.boot(coming);
    await expect.poll(() => recorded().length, { timeout: 60_000 }).toBe(2);
    // By the pod's own address: a Service's endpoints come late after an outage.
    await expectPage(cluster, await serveIn(next), coming.pod.status.podIPs?.[0]?.ip ?? "");
    await proveEnd(cluster, next);
    await proveEnd(cluster, vm);
  },
);

test(
  "while the API server is away for a minute a VM loses no packet, and the agent repairs, and tells of it later",
  LONG,
  async () => {
    const vm = await start("away");
    const { serviceUid } = tracesOf(vm);
    const servers = processesOfUser(serviceUid);
    expect(await ping(vm, 1)).toBe(allOf(1));
    await proveTraffic(cluster, vm, ["IPv4"]);
    const sent = ping(vm, 60);
    const stopped = performance.now();
    await cluster.api.order("stop", "kube-apiserver");
    try {
      await endProcesses(servers, 0);
      await expect.poll(() => processesOfUser(serviceUid).length, { timeout: 55_000 }).toBe(servers.length);
      await sleep(Math.max(0, 60_000 - (performance.now() - stopped)));
    } finally {
      await cluster.api.order("start", "kube-apiserver");
    }
    expect(await sent).toBe(allOf(60));
    await expect.poll(() => eventsOf(cluster, "away", "REPAIRED"), { timeout: 60_000 }).toHaveLength(1);
    const [service = ""] = await makeService(cluster.api, { name: "away", port: PORT, families: ["IPv4"] });
    await expectPage(cluster, "from-away", service);
    const next = await start("after");
    await proveEnd(cluster, next);
    await proveEnd(cluster, vm);
  },
);
