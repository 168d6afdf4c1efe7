/** What the controller's webhooks cost those who store VMs, against webhooks that do nothing, and what memory it takes. */
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { webhookConfigurations } from "@netbind/controller";
import { ApiClient, VMIS } from "@netbind/kube";
import { connectionOf } from "../support/cluster/api-connection.ts";
import { API_PORT } from "../support/cluster/addresses.ts";
import { ApiServer } from "../support/cluster/api-server.ts";
import type { AdmissionLoad } from "../support/cluster/admission-load-main.ts";
import { Authority } from "../support/cluster/certificates.ts";
import type { ClusterDirectory } from "../support/cluster/cluster-directory.ts";
import { controllerAccount } from "../support/cluster/controller-role.ts";
import { writeKubeconfig } from "../support/cluster/kubeconfig.ts";
import { applyCrds } from "../support/cluster/kubevirt-crds.ts";
import { applyNetworkBindingCrd } from "../support/cluster/network-binding-crd.ts";
import { Inside } from "../support/cluster/inside.ts";
import { SimulatedVms } from "../support/cluster/simulated-cluster.ts";
import { applyEmptyWebhooks, removeWebhookConfigurations } from "../support/cluster/webhook-objects.ts";
import { type Comparison, percentile } from "./report.ts";
import { inControlPlane } from "./in-control-plane.ts";

const VMS = 5000;
const NODES = 200;
const PER_SECOND = 50;
const SECONDS = 10;
const RUNS = 3;
const PSS_GOAL_MB = 150;
const P99_GOAL_MS = 20;
/** What a client lists at a time, as kubectl does. */
const PAGE = 500;
const BINDING = "passt";
const OURS = "127.0.0.1:9443";
const EMPTY_PORT = 9444;
const STATUS = "127.0.0.1:9448";
const SERVER = `https://127.0.0.1:${API_PORT}`;
/** After which API servers have heard of configurations. */
const HEARD = 3000;

const PROGRAM = fileURLToPath(new URL("../../core/controller/dist/netbind-controller.mjs", import.meta.url));
const EMPTY = fileURLToPath(new URL("../support/cluster/empty-webhook-main.ts", import.meta.url));
const LOAD = fileURLToPath(new URL("../support/cluster/admission-load-main.ts", import.meta.url));

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
  /** Milliseconds within which 99 of 100 are stored. */
  readonly stored: number;
  /** The same of reviews alone, asked in the API server's place. */
  readonly reviewed: number;
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

  /**
   * Milliseconds within which 99 of 100 admissions are answered, while a client lists.
   *
   * @param webhooks  who is asked in the API server's place
   * @throws Error where one fails
   */
  async load(...webhooks: readonly string[]): Promise<number> {
    using client = new ApiClient(connectionOf(this.api.credentials));
    const stop = new AbortController();
    const listed = listVms(client, stop.signal);
    const { certificates } = this.#directory;
    const numbers = [String(PER_SECOND), String(SECONDS)];
    const args = [SERVER, certificates, this.#namespace, ...numbers, BINDING, ...webhooks];
    await using load = new Inside(this.#directory, LOAD, ...args);
    const said = load.child.stdout === null ? "" : await text(load.child.stdout);
    stop.abort();
    const pages = await listed;
    const { latencies, failures } = JSON.parse(said) as AdmissionLoad;
    if (failures.length > 0 || pages === 0) throw new Error(`${failures.length} fail, ${pages} pages: ${failures[0]}`);
    return percentile(latencies, 0.99);
  }

  /** What a server of webhooks costs. */
  async #costOf(server: Inside, url: string): Promise<Admissions> {
    await sleep(HEARD);
    await server.isIdle();
    const before = server.processorMs;
    const stored = await this.load();
    const processorMs = (server.processorMs - before) / (PER_SECOND * SECONDS);
    const reviewed = await this.load(url);
    await removeWebhookConfigurations(this.api);
    return { stored, reviewed, processorMs, pssMb: server.pssMb };
  }

  /** The same configurations, which lead to a webhook that does nothing, or adds the annotation and nothing else. */
  async empty(...mode: readonly "annotate"[]): Promise<Admissions> {
    const pki = await Authority.in(this.#directory.certificates);
    const files = await pki.issue("empty-webhook", { name: "empty-webhook", serves: ["IP:127.0.0.1"] });
    await using server = new Inside(this.#directory, EMPTY, files.cert, files.key, String(EMPTY_PORT), ...mode);
    await server.says("serving");
    const url = `https://127.0.0.1:${EMPTY_PORT}`;
    const configurations = webhookConfigurations({
      target: { url },
      authorities: [readFileSync(pki.caFile, "utf8").trim()],
      ...{ names: [BINDING], removed: ["slirp", "passt", "macvtap"], virtController: "nobody" },
    });
    await this.api.apply(...configurations.map(({ body }) => body));
    return await this.#costOf(server, url);
  }

  /** The controller as it is installed. */
  async ours(kubeconfig: string): Promise<Admissions> {
    await applyEmptyWebhooks(this.api);
    const namespaces = ["--namespace", this.#namespace, "--kubevirt-namespace", this.#namespace];
    const webhooks = ["--webhooks", OURS, "--webhook-url", `https://${OURS}`];
    const options = ["--kubeconfig", kubeconfig, ...namespaces, ...webhooks, "--listen", STATUS];
    await using program = new Inside(this.#directory, PROGRAM, ...options);
    await program.says("leading: this replica writes");
    return await this.#costOf(program, `https://${OURS}`);
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
  const none: number[] = [];
  const [empty, annotating, ours]: [Admissions[], Admissions[], Admissions[]] = [[], [], []];
  for (let run = 0; run < RUNS; run++) {
    none.push(await scene.load());
    empty.push(await scene.empty());
    annotating.push(await scene.empty("annotate"));
    ours.push(await scene.ours(kubeconfig));
  }
  return comparisons({ none, empty, annotating, ours });
}

/** What was measured in all runs. */
interface Measured {
  readonly none: readonly number[];
  readonly empty: readonly Admissions[];
  readonly annotating: readonly Admissions[];
  readonly ours: readonly Admissions[];
}

function comparisons({ none, empty, annotating, ours }: Measured): readonly Comparison[] {
  const what = `a VMI is stored, ${PER_SECOND} a second, while a client lists ${VMS}`;
  const stored = { what: `${what}: p99`, unit: "ms", ours: ours.map((one) => one.stored) };
  const against = "webhooks that do nothing";
  const goal = { ratio: 2, better: "smaller" } as const;
  return [
    { ...stored, theirs: empty.map((one) => one.stored), against, goal },
    {
      ...{ ...stored, theirs: annotating.map((one) => one.stored) },
      against: "webhooks that only add the annotation",
    },
    { ...stored, theirs: none, against: "no webhooks" },
    {
      ...{ what: `${what}: its reviews alone, p99`, unit: "ms", ours: ours.map((one) => one.reviewed) },
      ...{ theirs: empty.map((one) => one.reviewed), against, goal, most: P99_GOAL_MS },
    },
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

export const benchWebhooks = (): Promise<readonly Comparison[]> => inControlPlane(measure);
