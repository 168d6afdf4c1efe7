/** What a node's agent knows of its cluster, from a real API server. */
import { ApiClient, ApiCluster, type ClusterSnapshot } from "@netbind/kube";
import { beforeAll, expect, test, vi } from "vitest";
import { connectionOf } from "../support/cluster/api-connection.ts";
import type { ApiServer } from "../support/cluster/api-server.ts";
import { withCrdSchema } from "../support/cluster/kubevirt-crds.ts";
import { NodeObjects } from "../support/cluster/node-objects.ts";
import {
  applyNetworkBindingCrd,
  NETWORK_BINDINGS_PATH,
  networkBinding,
} from "../support/cluster/network-binding-crd.ts";
import { useApiServer } from "../support/cluster/use-api-server.ts";
import { kubevirtObject } from "../support/kube/kube-objects.ts";

let api: ApiServer;
beforeAll(async () => {
  api = useApiServer();
  await applyNetworkBindingCrd(api);
});

const WITHIN = { timeout: 30_000, interval: 50 };

/** A cluster that is followed, for one node in a namespace of the test's own. */
class Scene implements AsyncDisposable {
  readonly objects: NodeObjects;
  readonly problems: string[] = [];
  /** What was known each time that a change was reported. */
  readonly told: Promise<readonly string[]>[] = [];
  readonly #client: ApiClient;
  readonly #namespace: AsyncDisposable;
  readonly #cluster: ApiCluster;
  readonly #stop = new AbortController();
  readonly #ran: Promise<void>;

  private constructor(namespace: AsyncDisposable & { readonly name: string }) {
    this.#namespace = namespace;
    this.objects = new NodeObjects(api, namespace.name);
    this.#client = new ApiClient(connectionOf(api.credentials));
    this.#cluster = new ApiCluster({
      client: this.#client,
      node: this.objects.node,
      onProblem: (what, problem) => this.problems.push(`${what}: ${problem}`),
    });
    this.#cluster.onChange(() => this.told.push(this.pods()));
    this.#ran = this.#cluster.run(this.#stop.signal);
  }

  static async open(): Promise<Scene> {
    const scene = new Scene(await api.makeNamespace());
    await expect.poll(() => scene.snapshot(), WITHIN).toBeDefined();
    return scene;
  }

  /** Undefined until everything was listed. */
  readonly snapshot = (): Promise<ClusterSnapshot | undefined> => this.#cluster.snapshot().catch(() => undefined);

  readonly pods = async (): Promise<readonly string[]> =>
    ((await this.snapshot())?.pods ?? []).map(({ metadata }) => metadata.uid);

  /** The nodes by pod in the VMIs that are known, each with its UID. */
  readonly active = async (): Promise<readonly (readonly [string, object | undefined])[]> =>
    ((await this.snapshot())?.vmis ?? []).map(({ metadata, status }) => [metadata.uid, status?.activePods] as const);

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#ran;
    this.#client[Symbol.dispose]();
    await this.#namespace[Symbol.asyncDispose]();
  }
}

test("a pod's VMI is read by its name before it has a label, then followed by it, and both are gone in the end", async () => {
  await using scene = await Scene.open();
  const { objects } = scene;
  const vmi = await objects.makeVmi("vm");
  const pod = await objects.bindPod("vm", vmi);
  await expect.poll(scene.pods, WITHIN).toEqual([pod]);
  expect(await Promise.all(scene.told)).toContainEqual([pod]);
  await expect.poll(scene.active, WITHIN).toEqual([[vmi, {}]]);
  await objects.patchVmi("vm", { status: { activePods: { [pod]: objects.node } } });
  await expect.poll(scene.active, WITHIN).toEqual([[vmi, { [pod]: objects.node }]]);
  await objects.patchVmi("vm", { metadata: { labels: { "kubevirt.io/nodeName": objects.node } } });
  await objects.patchVmi("vm", { status: { activePods: { other: "elsewhere" } } });
  await expect.poll(scene.active, WITHIN).toEqual([[vmi, { [pod]: objects.node, other: "elsewhere" }]]);
  await objects.deletePod("vm");
  await objects.deleteVmi("vm");
  await expect.poll(scene.pods, WITHIN).toEqual([]);
  await expect.poll(scene.active, WITHIN).toEqual([]);
  expect(scene.problems).toEqual([]);
});

test("the target of a migration knows its VMI, whose label names the other node", async () => {
  await using scene = await Scene.open();
  const { objects } = scene;
  const vmi = await objects.makeVmi("vm");
  const labels = { "kubevirt.io/nodeName": "elsewhere", "kubevirt.io/migrationTargetNodeName": objects.node };
  await objects.patchVmi("vm", { metadata: { labels } });
  await expect.poll(scene.active, WITHIN).toEqual([[vmi, {}]]);
});

test("another VMI of the name that a pod refers to is not the pod's, and a pod of another node is not seen", async () => {
  await using scene = await Scene.open();
  const { objects } = scene;
  await objects.makeVmi("vm");
  const pod = await objects.bindPod("vm", "00000000-0000-0000-0000-000000000000");
  const other = new NodeObjects(api, objects.namespace, "elsewhere");
  await other.bindPod("far", await other.makeVmi("far"));
  await expect.poll(scene.pods, WITHIN).toEqual([pod]);
  // What is looked for by name is there within this time, as the first test shows.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  expect([await scene.pods(), await scene.active()]).toEqual([[pod], []]);
});

/** Lets the API server take any VMI, as with a definition that has no schema: a newer KubeVirt's may be laxer than today's. */
const takeAnyVmi = (): Promise<AsyncDisposable> =>
  withCrdSchema(api, "virtualmachineinstances.kubevirt.io", {
    type: "object",
    "x-kubernetes-preserve-unknown-fields": true,
  });

test("an object that does not have the API's form costs that object, and is named", async () => {
  await using scene = await Scene.open();
  const { objects } = scene;
  const [good, bad] = [await objects.makeVmi("good"), await objects.makeVmi("bad")];
  const labels = { "kubevirt.io/nodeName": objects.node };
  for (const name of ["good", "bad"]) await objects.patchVmi(name, { metadata: { labels } });
  await expect.poll(async () => (await scene.active()).length, WITHIN).toBe(2);
  await using _ = await takeAnyVmi();
  const spoil = (): Promise<unknown> =>
    objects.patchVmi("bad", { spec: { domain: { devices: { interfaces: "none" } } } });
  await vi.waitFor(spoil, WITHIN);
  await expect.poll(scene.active, WITHIN).toEqual([[good, {}]]);
  const what = `VirtualMachineInstance ${objects.namespace}/bad`;
  expect((await scene.snapshot())?.unreadable).toMatchObject([{ what, uid: bad }]);
  await objects.patchVmi("bad", { spec: { domain: { devices: { interfaces: [] } } } });
  await expect.poll(async () => (await scene.snapshot())?.unreadable, WITHIN).toEqual([]);
});

test("the KubeVirt CR is followed", async () => {
  await using scene = await Scene.open();
  const path = `/apis/kubevirt.io/v1/namespaces/${scene.objects.namespace}/kubevirts`;
  await api.request({ method: "POST", path, body: { ...kubevirtObject(), metadata: { name: "kubevirt" } } });
  const registered = async (): Promise<readonly string[]> =>
    Object.keys((await scene.snapshot())?.configuration.network?.binding ?? {});
  await expect.poll(registered, WITHIN).toContain("masquerade");
  const body = { spec: { configuration: { network: { binding: { masquerade: null } } } } };
  await api.request({ method: "PATCH", path: `${path}/kubevirt`, body });
  await expect.poll(registered, WITHIN).not.toContain("masquerade");
  await api.request({ method: "DELETE", path: `${path}/kubevirt` });
});

test("what NetworkBindings grant is followed, and all that is kept of them", async () => {
  await using scene = await Scene.open();
  const name = scene.objects.namespace;
  const path = `${NETWORK_BINDINGS_PATH}/${name}`;
  const known = async (): Promise<readonly object[]> =>
    ((await scene.snapshot())?.networkBindings ?? []).filter((one) => one.name === name);
  await api.apply(networkBinding(name, { image: "registry.example/theirs:1" }));
  await expect.poll(known, WITHIN).toEqual([{ name }]);
  await api.request({ method: "PATCH", path, body: { spec: { grants: { domainKinds: ["vdpa"] } } } });
  await expect.poll(known, WITHIN).toEqual([{ name, grants: { domainKinds: ["vdpa"] } }]);
  await api.request({ method: "DELETE", path });
  await expect.poll(known, WITHIN).toEqual([]);
  expect(scene.problems).toEqual([]);
});
