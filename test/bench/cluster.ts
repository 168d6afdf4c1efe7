/** What a node's agent costs its cluster's API server: it grows with what changes on its node, not with the cluster. */
import { basename } from "node:path";
import { readFileSync } from "node:fs";
import { descendantsOf } from "@netbind/netns";
import { ApiServer } from "../support/cluster/api-server.ts";
import type { ClusterDirectory } from "../support/cluster/cluster-directory.ts";
import { CountedServer, processorTime } from "../support/cluster/counted-server.ts";
import { applyCrds } from "../support/cluster/kubevirt-crds.ts";
import { Followers, SimulatedVms } from "../support/cluster/simulated-cluster.ts";
import type { Comparison } from "./report.ts";
import { inControlPlane } from "./in-control-plane.ts";

const NODES = 200;
const VMS = 5000;
const FEWER_VMS = 500;
/** Of pods, and as many of VMs, in the whole cluster. */
const CHANGES_A_MINUTE = 1000;
/** A whole minute: each watch is sent a bookmark once in it, and when depends on when it began. */
const MINUTE = 60_000;
/** Each of them holds the whole cluster. */
const OF_EVERYTHING = 40;

/** What so many clients cost in a minute of changes, in all. */
interface Cost {
  readonly bytes: number;
  readonly processorMs: number;
}

/** The control plane's part of all servers that runs the API. @throws Error where it does not run */
function apiServerPid(directory: ClusterDirectory): number {
  const holder = directory.running()?.controlPlane;
  const found = (holder === undefined ? [] : descendantsOf([holder.first])).find(
    ({ pid }) => basename(readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")[0] ?? "") === "kube-apiserver",
  );
  if (found === undefined) throw new Error("no API server runs");
  return found.pid;
}

class Scene {
  readonly #vms: SimulatedVms;
  readonly #server: CountedServer;
  readonly #pid: number;

  constructor(vms: SimulatedVms, server: CountedServer, pid: number) {
    this.#vms = vms;
    this.#server = server;
    this.#pid = pid;
  }

  /** Measures while some follow the changes. */
  async cost(start: () => Promise<AsyncDisposable>): Promise<Cost> {
    await using _ = await start();
    const before = { bytes: this.#server.bytes, processor: processorTime(this.#pid) };
    await this.#vms.change(CHANGES_A_MINUTE, MINUTE);
    return {
      bytes: this.#server.bytes - before.bytes,
      processorMs: processorTime(this.#pid) - before.processor,
    };
  }
}

const nobody = async (): Promise<AsyncDisposable> => ({ [Symbol.asyncDispose]: async () => undefined });

async function measure(directory: ClusterDirectory): Promise<readonly Comparison[]> {
  const api = new ApiServer(directory);
  await applyCrds(api);
  const namespace = await api.makeNamespace();
  await using server = await CountedServer.open(api.credentials.server);
  const counted = { ...api.credentials, server: server.url };
  using vms = new SimulatedVms(api.credentials, namespace.name, NODES);
  const scene = new Scene(vms, server, apiServerPid(directory));
  const agents = (): Promise<AsyncDisposable> => Followers.agents(counted, NODES);
  await vms.fill(FEWER_VMS);
  const few = await scene.cost(agents);
  await vms.fill(VMS);
  const alone = await scene.cost(nobody);
  const many = await scene.cost(agents);
  const everything = await scene.cost(() => Followers.ofEverything(counted, OF_EVERYTHING));
  // A server that was just filled works on for a while, so it is looked at alone once more: the smaller one is what it costs.
  const idle = Math.min(alone.processorMs, (await scene.cost(nobody)).processorMs);
  const kilobytes = ({ bytes }: Cost, clients: number): readonly number[] => [bytes / 1000 / clients];
  const processor = ({ processorMs }: Cost, clients: number): readonly number[] => [
    Math.max(0, processorMs - idle) / clients,
  ];
  const what = `one of ${NODES} agents, ${VMS} VMs, ${CHANGES_A_MINUTE} changes a minute`;
  return [
    {
      what: `${what}: kilobytes a minute`,
      unit: "kB",
      ours: kilobytes(many, NODES),
      theirs: kilobytes(everything, OF_EVERYTHING),
      against: "one that follows everything",
      goal: { ratio: 0.05, better: "smaller" },
    },
    {
      what: `${what}: API server's processor time a minute`,
      unit: "ms",
      ours: processor(many, NODES),
      theirs: processor(everything, OF_EVERYTHING),
      against: "one that follows everything",
      goal: { ratio: 0.5, better: "smaller" },
    },
    {
      what: `${what}: kilobytes a minute`,
      unit: "kB",
      ours: kilobytes(many, NODES),
      theirs: kilobytes(few, NODES),
      against: `with ${FEWER_VMS} VMs`,
      goal: { ratio: 1.25, better: "smaller" },
    },
  ];
}

export const benchCluster = (): Promise<readonly Comparison[]> => inControlPlane(measure);
