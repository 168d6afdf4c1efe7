import { readFileSync } from "node:fs";
import { waitUntil } from "@netbind/netns";
import { expect } from "vitest";
import { KubeNode } from "./kube-node.ts";
import { hookSocketsOf, type LabPod, waitsForAttach } from "./lab-pod.ts";

/** What an agent needed for many pods that come at once. */
export interface ManyPods {
  /** Milliseconds from the moment at which the API lists them until the last one's gate opens. */
  readonly attachedMs: number;
  /** Milliseconds from the moment at which the last one is gone until nothing of any is left. */
  readonly releasedMs: number;
  /** The agent's processor time for that, in milliseconds, with what its commands took; not what its servers take. */
  readonly cpuMs: number;
  /** The agent's proportional memory when all are attached, in MB; the runtime's own files are shared with nobody here. */
  readonly pssMb: number;
}

/** How many containers are started at a time: they are not part of what is measured. */
const STARTED_AT_A_TIME = 4;

/** Linux counts processor time in hundredths of a second for every program, whatever its kernel counts in. */
const MS_PER_TICK = 10;

function pssOf(pid: number): number {
  const kb = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1];
  return Number(kb ?? Number.NaN) / 1024;
}

/** Milliseconds of processor time that a process has taken, with those of its children that have ended (proc_pid_stat(5)). */
function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const ticks = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 15);
  return ticks.reduce((sum, part) => sum + Number(part), 0) * MS_PER_TICK;
}

/** Makes pods whose sidecars wait, lets the agent see all of them at once, and takes all away again. */
export async function attachMany(count: number): Promise<ManyPods> {
  await using node = await KubeNode.make();
  const pods: LabPod[] = [];
  for (let at = 0; at < count; at += STARTED_AT_A_TIME) {
    const names = Array.from({ length: Math.min(STARTED_AT_A_TIME, count - at) }, (_, index) => `many-${at + index}`);
    // One CNI plugin at a time: its file of addresses is one.
    for (const vm of names) pods.push(await node.pod({ vm, listed: false }));
  }
  for (const pod of pods)
    expect(await waitUntil(() => waitsForAttach(pod), 60_000), `${pod.name}: its sidecar does not serve`).toBe(true);
  const { pid: agent = Number.NaN } = node.agent.startBundled();
  await waitUntil(() => node.agent.log.includes('"serving"'), 30_000);
  const before = cpuOf(agent);
  const start = performance.now();
  for (const pod of pods) node.api.list(pod);
  const all = await waitUntil(() => pods.every((pod) => hookSocketsOf(pod).length > 0), 300_000, 50);
  const attachedMs = performance.now() - start;
  expect(all, node.agent.log.slice(-2000)).toBe(true);
  for (const pod of pods) await node.agent.reported(pod, "ATTACHED", 60_000);
  const cpuMs = cpuOf(agent) - before;
  const pssMb = pssOf(agent);
  for (const pod of pods) await node.removePod(pod);
  const end = performance.now();
  expect(await waitUntil(() => node.agent.leftovers().length === 0, 120_000), node.agent.leftovers().join(", ")).toBe(
    true,
  );
  return { attachedMs, releasedMs: performance.now() - end, cpuMs, pssMb };
}
