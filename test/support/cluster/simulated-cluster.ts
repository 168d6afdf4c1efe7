/** A cluster's VMs, pods and node agents without nodes: objects that change on a real API server, and who follows them. */
import { setTimeout as sleep } from "node:timers/promises";
import { ApiClient, ApiCluster, KUBEVIRTS, PODS, readFields, Reflector, VMIS } from "@netbind/kube";
import { vmiObject } from "../kube/kube-objects.ts";
import { connectionOf } from "./api-connection.ts";
import type { ApiCredentials } from "./api-server.ts";
import { LAUNCHER_NICS, launcherOf } from "./node-objects.ts";

/** How many objects are asked for at a time. */
const AT_A_TIME = 16;
/** How many agents start together. */
const STARTED_AT_A_TIME = 8;
/** In which they have listed the cluster. */
const READY_WITHIN = 60_000;
const MINUTE = 60_000;

interface Made {
  readonly metadata: { readonly uid: string };
}

/** VMs that run on nodes in turn, one launcher pod each. */
export class SimulatedVms implements Disposable {
  readonly #client: ApiClient;
  readonly #namespace: string;
  readonly #nodes: number;
  #count = 0;
  #changes = 0;

  constructor(credentials: ApiCredentials, namespace: string, nodes: number) {
    this.#client = new ApiClient(connectionOf(credentials));
    this.#namespace = namespace;
    this.#nodes = nodes;
  }

  /** The name of a node: they count from 0. */
  static nodeName(at: number): string {
    return `node-${at}`;
  }

  /** Makes VMs until there are so many. Their pods stay only where no controller removes those of nodes that are not there. */
  async fill(count: number, { withPods = true } = {}): Promise<void> {
    const make = async (): Promise<void> => {
      while (this.#count < count) await this.#make(this.#count++, withPods);
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, make));
  }

  /**
   * Has a VM and its pod change, each time another's, so often in a minute: on a machine with other work the later ones of a
   * time are not left out, they follow at once.
   */
  async change(perMinute: number, milliseconds: number): Promise<void> {
    const [start, count] = [performance.now(), Math.round((perMinute * milliseconds) / MINUTE)];
    const running: Promise<void>[] = [];
    for (let made = 0; made < count; made++) {
      await sleep(Math.max(0, start + (made * MINUTE) / perMinute - performance.now()));
      running.push(this.#change(this.#changes++));
    }
    await Promise.all(running);
    await sleep(Math.max(0, start + milliseconds - performance.now()));
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }

  async #make(at: number, withPod: boolean): Promise<void> {
    const [name, node] = [`vm-${at}`, SimulatedVms.nodeName(at % this.#nodes)];
    const metadata = { name, labels: { "kubevirt.io/nodeName": node } };
    const body = { ...vmiObject(name, LAUNCHER_NICS), metadata };
    const place = { verb: "create", namespace: this.#namespace } as const;
    const made = (await this.#client.request({ ...place, resource: VMIS, body })) as unknown as Made;
    if (!withPod) return;
    await this.#client.request({
      ...place,
      resource: PODS,
      body: launcherOf({ vm: name, vmi: made.metadata.uid, node }),
    });
  }

  async #change(time: number): Promise<void> {
    // A prime, so that one node's changes do not follow one another.
    const name = `vm-${(time * 7919) % this.#count}`;
    const body = { metadata: { annotations: { "test.netbind.dev/change": String(time) } } };
    const place = { verb: "patch", namespace: this.#namespace, body } as const;
    await Promise.all([
      this.#client.request({ ...place, resource: PODS, name: `virt-launcher-${name}` }),
      this.#client.request({ ...place, resource: VMIS, name }),
    ]);
  }
}

/** One that follows objects as a node's agent does. */
interface Follower {
  run(signal: AbortSignal): Promise<void>;
  isReady(): Promise<boolean>;
}

async function becomeReady(follower: Follower): Promise<void> {
  const end = performance.now() + READY_WITHIN;
  while (!(await follower.isReady())) {
    if (performance.now() > end) throw new Error("the cluster was not listed in time");
    await sleep(50);
  }
}

/** Many that follow a cluster, each with connections of its own. */
export class Followers implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #clients: ApiClient[] = [];
  readonly #starting: Promise<void>[] = [];
  readonly #running: Promise<void>[] = [];

  /** What agents of so many nodes follow. */
  static agents(credentials: ApiCredentials, count: number): Promise<Followers> {
    return new Followers().#start(credentials, count, (client, at) => {
      const cluster = new ApiCluster({ client, node: SimulatedVms.nodeName(at) });
      const isReady = (): Promise<boolean> =>
        cluster.snapshot().then(
          () => true,
          () => false,
        );
      return { run: (signal) => cluster.run(signal), isReady };
    });
  }

  /** The same objects of all nodes, as often. */
  static ofEverything(credentials: ApiCredentials, count: number): Promise<Followers> {
    return new Followers().#start(credentials, count, (client) => {
      const all = [PODS, VMIS, KUBEVIRTS].map((resource) => new Reflector({ client, resource, read: readFields }));
      return {
        run: async (signal) => void (await Promise.all(all.map((one) => one.run(signal)))),
        isReady: async () => all.every(({ isSynced }) => isSynced),
      };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
    for (const client of this.#clients) client[Symbol.dispose]();
  }

  async #start(
    credentials: ApiCredentials,
    count: number,
    follow: (client: ApiClient, at: number) => Follower,
  ): Promise<this> {
    // As an update of a DaemonSet does: a first list is read from the server's storage, and all at once would wait for each other.
    for (let at = 0; at < count; at++) {
      const client = new ApiClient(connectionOf(credentials));
      this.#clients.push(client);
      const follower = follow(client, at);
      this.#running.push(follower.run(this.#stop.signal));
      this.#starting.push(becomeReady(follower));
      if (this.#starting.length >= STARTED_AT_A_TIME) await Promise.all(this.#starting.splice(0));
    }
    await Promise.all(this.#starting.splice(0));
    return this;
  }
}
