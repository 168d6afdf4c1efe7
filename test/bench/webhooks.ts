/** What the controller's webhooks cost those who store VMs, against webhooks that do nothing, and what memory it takes. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { webhookConfigurations } from "@netbind/controller";
import { ApiClient, VMIS } from "@netbind/kube";
import { waitUntil } from "@netbind/netns";
import { connectionOf } from "../support/cluster/api-connection.ts";
import { API_PORT } from "../support/cluster/addresses.ts";
import { ApiServer } from "../support/cluster/api-server.ts";
import type { AdmissionLoad } from "../support/cluster/admission-load-main.ts";
import { Authority } from "../support/cluster/certificates.ts";
import { downCluster, upCluster } from "../support/cluster/cluster.ts";
import { ClusterDirectory } from "../support/cluster/cluster-directory.ts";
import { controllerAccount } from "../support/cluster/controller-role.ts";
import { writeKubeconfig } from "../support/cluster/kubeconfig.ts";
import { defaultRelease } from "../support/cluster/kubernetes.ts";
import { applyCrds } from "../support/cluster/kubevirt-crds.ts";
import { applyNetworkBindingCrd } from "../support/cluster/network-binding-crd.ts";
import { processorTime } from "../support/cluster/counted-server.ts";
import { SimulatedVms } from "../support/cluster/simulated-cluster.ts";
import { applyEmptyWebhooks, removeWebhookConfigurations } from "../support/cluster/webhook-objects.ts";
import { type Comparison, percentile } from "./report.ts";

const VMS = 5000;
const NODES = 200;
const PER_SECOND = 50;
const SECONDS = 15;
const RUNS = 3;
const PSS_GOAL_MB = 150;
const P99_GOAL_MS = 20;
/** What a client lists at a time, as kubectl does. */
const PAGE = 500;
const BINDING = "passt";
const PORTS = { ours: 9443, empty: 9444, status: 9448 } as const;
const SERVER = `https://127.0.0.1:${API_PORT}`;
/** Milliseconds of a processor in a second: less is nothing to speak of. */
const IDLE = 50;
/** After which API servers have heard of configurations. */
const HEARD = 3000;

const PROGRAM = fileURLToPath(new URL("../../core/controller/dist/netbind-controller.mjs", import.meta.url));
const EMPTY = fileURLToPath(new URL("../support/cluster/empty-webhook-main.ts", import.meta.url));
const LOAD = fileURLToPath(new URL("../support/cluster/admission-load-main.ts", import.meta.url));

/** A process in the network namespace of a cluster's API server. */
class Inside implements AsyncDisposable {
  readonly child: ChildProcess;
  log = "";

  constructor(directory: ClusterDirectory, ...args: readonly string[]) {
    const pid = directory.running()?.controlPlane.first.pid;
    const program = ["--conditions=@netbind/source", ...args];
    this.child = spawn("nsenter", [`--net=/proc/${pid}/ns/net`, process.execPath, ...program], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.child.stderr?.on("data", (chunk: Buffer) => (this.log += chunk.toString()));
  }

  /** @throws Error with its log where it does not say so in half a minute */
  async says(words: string): Promise<void> {
    if (!(await waitUntil(() => this.log.includes(words), 30_000)))
      throw new Error(`it does not say ${words}: ${this.log}`);
  }

  /** Waits until it does nothing of its own any more: it has listed the cluster. */
  async isIdle(): Promise<void> {
    for (let last = Number.NEGATIVE_INFINITY, spent = 0; spent - last > IDLE; ) {
      await sleep(1000);
      [last, spent] = [spent, this.processorMs];
    }
  }

  get processorMs(): number {
    return processorTime(this.child.pid ?? 0);
  }

  /** nsenter becomes the program that it runs. */
  get pssMb(): number {
    const rollup = readFileSync(`/proc/${this.child.pid}/smaps_rollup`, "utf8");
    return Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1]) / 1024;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, "exit");
    this.child.kill("SIGTERM");
    await ended;
  }
}

/** Lists all VMs, again and again, until it is stopped. Gives how many pages were answered. */
async function listVms(client: ApiClient, signal: AbortSignal): Promise<number> {
  let pages = 0;
  for (let next = ""; !signal.aborted; ) {
    const query = { limit: String(PAGE), ...(next === "" ? {} : { continue: next }) };
    const page = await client.request({ verb: "list", resource: VMIS, query });
    next = (page["metadata"] as { readonly continue?: string }).continue ?? "";
    pages++;
  }
  return pages;
}

/** What a run of admissions costs. */
interface Admissions {
  /** Milliseconds within which 99 of 100 are answered. */
  readonly p99: number;
  /** Milliseconds of the webhooks' processor time for each. */
  readonly processorMs: number;
  readonly pssMb: number;
}

/** One cluster, with the VMs that are listed. */
class Scene {
  readonly #directory: ClusterDirectory;
  readonly #namespace: string;
  readonly api: ApiServer;

  constructor(directory: ClusterDirectory, namespace: string) {
    this.#directory = directory;
    this.#namespace = namespace;
    this.api = new ApiServer(directory);
  }

  /** Milliseconds of each admission, while a client lists. @throws Error where one fails */
  async load(): Promise<readonly number[]> {
    using client = new ApiClient(connectionOf(this.api.credentials));
    const stop = new AbortController();
    const listed = listVms(client, stop.signal);
    const { certificates } = this.#directory;
    const numbers = [String(PER_SECOND), String(SECONDS)];
    await using load = new Inside(this.#directory, LOAD, SERVER, certificates, this.#namespace, ...numbers, BINDING);
    const said = load.child.stdout === null ? "" : await text(load.child.stdout);
    stop.abort();
    const pages = await listed;
    const { latencies, failures } = JSON.parse(said) as AdmissionLoad;
    if (failures.length > 0 || pages === 0) throw new Error(`${failures.length} fail, ${pages} pages: ${failures[0]}`);
    return latencies;
  }

  /** What a server of webhooks costs. */
  async #costOf(server: Inside): Promise<Admissions> {
    await sleep(HEARD);
    await server.isIdle();
    const before = server.processorMs;
    const p99 = percentile(await this.load(), 0.99);
    const processorMs = (server.processorMs - before) / (PER_SECOND * SECONDS);
    await removeWebhookConfigurations(this.api);
    return { p99, processorMs, pssMb: server.pssMb };
  }

  /** The same configurations, which lead to a webhook that does nothing. */
  async empty(): Promise<Admissions> {
    const pki = await Authority.in(this.#directory.certificates);
    const files = await pki.issue("empty-webhook", { name: "empty-webhook", serves: ["IP:127.0.0.1"] });
    await using server = new Inside(this.#directory, EMPTY, files.cert, files.key, String(PORTS.empty));
    await server.says("serving");
    const configurations = webhookConfigurations({
      target: { url: `https://127.0.0.1:${PORTS.empty}` },
      authorities: [readFileSync(pki.caFile, "utf8").trim()],
      ...{ names: [BINDING], removed: ["slirp", "passt", "macvtap"], virtController: "nobody" },
    });
    await this.api.apply(...configurations.map(({ body }) => body));
    return await this.#costOf(server);
  }

  /** The controller as it is installed. */
  async ours(kubeconfig: string): Promise<Admissions> {
    await applyEmptyWebhooks(this.api);
    const namespaces = ["--namespace", this.#namespace, "--kubevirt-namespace", this.#namespace];
    const webhooks = ["--webhooks", `127.0.0.1:${PORTS.ours}`, "--webhook-url", `https://127.0.0.1:${PORTS.ours}`];
    const options = ["--kubeconfig", kubeconfig, ...namespaces, ...webhooks, "--listen", `127.0.0.1:${PORTS.status}`];
    await using program = new Inside(this.#directory, PROGRAM, ...options);
    await program.says("leading: this replica writes");
    return await this.#costOf(program);
  }
}

async function measure(directory: ClusterDirectory): Promise<readonly Comparison[]> {
  const api = new ApiServer(directory);
  await applyCrds(api);
  await applyNetworkBindingCrd(api);
  const { name: namespace } = await api.makeNamespace();
  const binding = { [BINDING]: { sidecarImage: `${BINDING}:1`, migration: {} } };
  await api.apply({
    ...{ apiVersion: "kubevirt.io/v1", kind: "KubeVirt", metadata: { name: "kubevirt", namespace } },
    spec: { configuration: { network: { binding } } },
  });
  const kubeconfig = directory.file("controller.kubeconfig");
  writeKubeconfig(kubeconfig, { ...(await controllerAccount(api, namespace)), server: SERVER });
  using vms = new SimulatedVms(api.credentials, namespace, NODES);
  await vms.fill(VMS);
  const scene = new Scene(directory, namespace);
  const [none, empty, ours]: [number[], Admissions[], Admissions[]] = [[], [], []];
  for (let run = 0; run < RUNS; run++) {
    none.push(percentile(await scene.load(), 0.99));
    empty.push(await scene.empty());
    ours.push(await scene.ours(kubeconfig));
  }
  return comparisons(none, empty, ours);
}

function comparisons(
  none: readonly number[],
  empty: readonly Admissions[],
  ours: readonly Admissions[],
): readonly Comparison[] {
  const what = `a VMI is stored, ${PER_SECOND} a second, while a client lists ${VMS}`;
  const p99 = { what: `${what}: p99`, unit: "ms", ours: ours.map((one) => one.p99) };
  const against = "webhooks that do nothing";
  return [
    {
      ...{ ...p99, theirs: empty.map((one) => one.p99), against },
      ...{ goal: { ratio: 2, better: "smaller" }, most: P99_GOAL_MS },
    },
    { ...p99, theirs: none, against: "no webhooks" },
    {
      ...{ what: `${what}: the webhooks' processor time for each`, unit: "ms" },
      ...{ ours: ours.map((one) => one.processorMs), theirs: empty.map((one) => one.processorMs), against },
    },
    {
      ...{ what: `controller's memory with ${VMS} VMs (PSS)`, unit: "MB", ours: ours.map((one) => one.pssMb) },
      ...{ theirs: empty.map((one) => one.pssMb), against, most: PSS_GOAL_MB },
    },
  ];
}

export async function benchWebhooks(): Promise<readonly Comparison[]> {
  const directory = new ClusterDirectory(`bench-${process.pid}`);
  await upCluster(directory, { release: defaultRelease(), nodes: 0 });
  try {
    return await measure(directory);
  } finally {
    await downCluster(directory);
  }
}
