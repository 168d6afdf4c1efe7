/** Launcher pods on a real node: what the agent adds to a pod's start, alone and for many at once, and its memory then. */
import { readFileSync } from "node:fs";
import type { Vmi } from "@netbind/kubevirt";
import { waitUntil } from "@netbind/netns";
import { agentProcess } from "../support/cluster/agent-objects.ts";
import { recordedPods, removeUnstarted } from "../support/cluster/agent-traces.ts";
import { ContainerStarts } from "../support/cluster/container-starts.ts";
import { withoutGuest } from "../support/cluster/guestless-pod.ts";
import { podNic, vmWith } from "../support/cluster/journey.ts";
import { type PodTimes, podTimes } from "../support/cluster/pod-times.ts";
import { PodWatch } from "../support/cluster/pod-watch.ts";
import { SimulatedVms } from "../support/cluster/simulated-cluster.ts";
import { VmCluster } from "../support/cluster/vm-cluster.ts";
import { type Comparison, percentile } from "./report.ts";

const NODE = "node1";
const ALONE = 20;
const MANY = 100;
/** In the whole cluster. */
const VMS = 5000;
const OTHER_NODES = 200;
const MOST_ADDED_MS = 300;
const MOST_ADDED_PART = 0.1;
const MOST_PSS_MB = 100;
/** A hundred pods are three hundred containers. */
const TIMEOUT = 20 * 60_000;
const SETTLED_MS = 5000;

const vmi = (name: string): Vmi => vmWith(name, [podNic("masquerade")]);
const names = (prefix: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, at) => `${prefix}-${at}`);

/** A node that pods are made on, and what shows when they run. */
class Scene {
  readonly #cluster: VmCluster;
  readonly #pods: PodWatch;
  readonly #starts: ContainerStarts;

  constructor(cluster: VmCluster, pods: PodWatch, starts: ContainerStarts) {
    this.#cluster = cluster;
    this.#pods = pods;
    this.#starts = starts;
  }

  /** Makes the pods of VMs one after the other, and removes each. */
  async oneByOne(count: number): Promise<readonly PodTimes[]> {
    const times: PodTimes[] = [];
    for (const name of names("alone", count)) {
      times.push(await this.#start(name));
      await removeUnstarted(this.#cluster, name);
      await this.#awaitNone();
    }
    return times;
  }

  /** Makes them all at once, and leaves them there. */
  atOnce(count: number): Promise<readonly PodTimes[]> {
    return Promise.all(names("many", count).map((name) => this.#start(name)));
  }

  /** Of the agent, in MB. */
  async agentPss(): Promise<number> {
    const node = this.#cluster.node(NODE);
    const pid = (await agentProcess(this.#cluster.api, node)).trim();
    const kb = /^Pss:\s+(\d+)/m.exec(readFileSync(node.path(`/proc/${pid}/smaps_rollup`), "utf8"))?.[1];
    return Number(kb ?? Number.NaN) / 1024;
  }

  async #start(name: string): Promise<PodTimes> {
    const waiting = { timeout: TIMEOUT, pods: this.#pods };
    const { pod } = await this.#cluster.schedule(vmi(name), { waiting, change: withoutGuest });
    return this.#timesOf(pod.metadata.uid);
  }

  async #timesOf(uid: string): Promise<PodTimes> {
    let times: PodTimes | undefined;
    const isKnown = (): boolean => {
      const one = this.#pods.pod(uid);
      times = one === undefined ? undefined : podTimes(this.#cluster.node(NODE), this.#starts, one);
      return times !== undefined;
    };
    // What is looked for says itself when it was written: a look costs, and when it is does not count.
    if (!(await waitUntil(isKnown, TIMEOUT, 500)) || times === undefined)
      throw new Error(`the pod ${this.#pods.pod(uid)?.pod.metadata.name} was not attached`);
    return times;
  }

  async #awaitNone(): Promise<void> {
    const noneLeft = (): boolean => recordedPods(this.#cluster.node(NODE)).length === 0;
    if (!(await waitUntil(noneLeft, TIMEOUT))) throw new Error("a pod that was removed is still recorded");
  }
}

/** Other nodes' VMs, which no kubelet runs: their pods would be removed for that. */
async function fillCluster({ api }: VmCluster, count: number): Promise<void> {
  const { name } = await api.makeNamespace();
  using vms = new SimulatedVms(api.credentials, name, OTHER_NODES);
  await vms.fill(count, { withPods: false });
}

/** From a moment of a pod's start until its gate opens; nothing where it is open before. */
const sinceReady = ({ ready, open }: PodTimes): number => Math.max(0, open - ready);
const sinceRunning = ({ running, open }: PodTimes): number => open - running;
const ownStart = ({ made, ready }: PodTimes): number => ready - made;
const p95 = (times: readonly number[]): number => percentile(times, 0.95);

function rows(alone: readonly PodTimes[], many: readonly PodTimes[], [none, pss]: readonly number[]): Comparison[] {
  const goal = { ratio: MOST_ADDED_PART, better: "smaller" } as const;
  const own = (times: readonly PodTimes[]): Pick<Comparison, "theirs" | "against"> => ({
    ...{ theirs: times.map(ownStart), against: "the pod's own start until then" },
  });
  const ready = "a launcher pod on a node, from ready, as its API says, to its hook socket open";
  const running = "the same, from its last container started";
  return [
    {
      ...{ what: `${ready}: p95 of ${ALONE}, one after the other`, unit: "ms", ours: [p95(alone.map(sinceReady))] },
      ...{ ...own(alone), goal, most: MOST_ADDED_MS },
    },
    {
      ...{ what: running, unit: "ms", ours: alone.map(sinceRunning) },
      ...{ theirs: alone.map((times) => times.ready - times.running), against: "the API says that it is ready" },
    },
    {
      ...{ what: `${ready}: p95 of ${MANY} at once`, unit: "ms", ours: [p95(many.map(sinceReady))] },
      ...{ ...own(many), goal },
    },
    {
      ...{ what: running, unit: "ms", ours: many.map(sinceRunning) },
      ...{ theirs: alone.map(sinceRunning), against: "one alone" },
    },
    {
      ...{ what: `node agent's memory, ${MANY} pods on its node, ${VMS} VMs in the cluster (PSS)`, unit: "MB" },
      ...{ ours: [pss ?? Number.NaN], theirs: [none ?? Number.NaN], against: "no pod and no VM", most: MOST_PSS_MB },
    },
  ];
}

async function measure(cluster: VmCluster): Promise<readonly Comparison[]> {
  await using pods = await PodWatch.of(cluster.api, "default");
  await using starts = await ContainerStarts.of(cluster.node(NODE));
  const scene = new Scene(cluster, pods, starts);
  // The first one pulls images.
  await scene.oneByOne(1);
  const none = await scene.agentPss();
  const alone = await scene.oneByOne(ALONE);
  await fillCluster(cluster, VMS - MANY);
  const many = await scene.atOnce(MANY);
  await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
  return rows(alone, many, [none, await scene.agentPss()]);
}

export async function benchNode(): Promise<readonly Comparison[]> {
  await using cluster = await VmCluster.up({ purpose: "bench", bindings: ["masquerade"], nodes: 1 });
  return await measure(cluster);
}
