/** A namespace with a KubeVirt CR, a controller that registers bindings there, and what they come to. */
import { releasedGrants, releasedImages, releasedPlugins, releasedRegistrations } from "@netbind/bindings";
import { defined } from "@netbind/contract";
import { Controller, type ControllerParts, releaseOf, WaitingVms } from "@netbind/controller";
import { ApiClient } from "@netbind/kube";
import { connectionOf } from "./api-connection.ts";
import type { ApiCredentials, ApiServer, TestNamespace } from "./api-server.ts";
import { NETWORK_BINDINGS_PATH, networkBinding } from "./network-binding-crd.ts";

export interface Conditions {
  readonly [type: string]: { readonly status: string; readonly reason: string; readonly message: string };
}

interface Read {
  readonly metadata: {
    readonly uid: string;
    readonly generation: number;
    readonly finalizers?: readonly string[];
    readonly managedFields: readonly { readonly manager: string }[];
  };
  readonly spec: object;
  readonly status?: {
    readonly image?: string;
    readonly conditions?: readonly (Conditions[string] & {
      readonly type: string;
      readonly observedGeneration: number;
    })[];
  };
}

const RELEASE = {
  ...{ plugins: releasedPlugins(), images: releasedImages() },
  ...{ grants: releasedGrants(), registrations: releasedRegistrations() },
};

/** The digest of its images. */
export const TEST_DIGEST = `sha256:${"d".repeat(64)}`;

/** The release of tests: its images have digests, as those of a real one. */
export const testRelease = (imageRegistry?: string): ControllerParts["release"] => {
  const images = Object.fromEntries(
    Object.entries(RELEASE.images).map(([name, one]) => [name, { ...one, digest: TEST_DIGEST }]),
  );
  return releaseOf({ ...RELEASE, images, ...defined({ imageRegistry }) });
};

/** One namespace with KubeVirt, and the cluster's NetworkBindings. */
export class Registering implements AsyncDisposable {
  readonly #api: ApiServer;
  readonly namespace: string;
  readonly #stack: AsyncDisposableStack;

  private constructor(api: ApiServer, namespace: TestNamespace) {
    this.#api = api;
    this.namespace = namespace.name;
    this.#stack = new AsyncDisposableStack();
    this.#stack.use(namespace);
  }

  /** `spec`: of the KubeVirt CR; absent: none is made. */
  static async make(api: ApiServer, spec?: object, metadata: object = {}): Promise<Registering> {
    const made = new Registering(api, await api.makeNamespace());
    if (spec !== undefined) await made.create("kubevirts", "kubevirt", spec, metadata);
    return made;
  }

  /**
   * Follows and writes as the one replica that leads, until this is disposed, or before. Gives what it says is wrong.
   * `grace`: milliseconds for which VMs may wait before events report it.
   */
  control(
    as: ApiCredentials = this.#api.credentials,
    {
      signal: until,
      grace = 500,
      ...parts
    }: Partial<ControllerParts> & { readonly signal?: AbortSignal; readonly grace?: number } = {},
  ): readonly string[] {
    const problems: string[] = [];
    const client = new ApiClient(connectionOf(as));
    const { namespace } = this;
    const onProblem = (what: string, problem = "over"): unknown => problems.push(`${what}: ${problem}`);
    const controller = new Controller({
      client,
      namespace,
      host: "replica",
      release: testRelease(),
      onProblem,
      ...parts,
    });
    const bindings = (): Controller["known"] => controller.known;
    const timing = { grace, look: 100 };
    const waiting = new WaitingVms({ client, namespace, host: "replica", timing, bindings, onProblem });
    controller.onChange(() => waiting.ring());
    const stop = new AbortController();
    const signal = until === undefined ? stop.signal : AbortSignal.any([stop.signal, until]);
    const ran = Promise.all([controller.follow(signal), controller.lead(signal), waiting.run(signal)]);
    this.#stack.defer(async () => {
      stop.abort();
      await ran;
      client[Symbol.dispose]();
    });
    return problems;
  }

  #path(plural: string, name?: string): string {
    const group = plural === "hyperconvergeds" ? "hco.kubevirt.io/v1beta1" : "kubevirt.io/v1";
    return `/apis/${group}/namespaces/${this.namespace}/${plural}${name === undefined ? "" : `/${name}`}`;
  }

  /** Makes a CR as an administrator. Gives its UID. */
  async create(plural: string, name: string, spec: object, metadata: object = {}): Promise<string> {
    const path = `${this.#path(plural)}?fieldManager=admin`;
    const isKubevirt = plural === "kubevirts";
    const type = isKubevirt
      ? { apiVersion: "kubevirt.io/v1", kind: "KubeVirt" }
      : { apiVersion: "hco.kubevirt.io/v1beta1", kind: "HyperConverged" };
    const body = { ...type, metadata: { ...metadata, name }, spec };
    return (await this.#api.request<Read>({ method: "POST", path, body })).metadata.uid;
  }

  async read(plural: string, name: string): Promise<Read> {
    return await this.#api.request<Read>({ path: this.#path(plural, name) });
  }

  async specOf(plural = "kubevirts", name = "kubevirt"): Promise<object> {
    return (await this.read(plural, name)).spec;
  }

  /** What KubeVirt has registered. */
  async registered(): Promise<Readonly<Record<string, object>>> {
    const spec = (await this.specOf()) as {
      configuration?: { network?: { binding?: Readonly<Record<string, object>> } };
    };
    return spec.configuration?.network?.binding ?? {};
  }

  /** Changes a CR's spec by a merge patch, as somebody. */
  async patch(
    spec: object,
    manager = "admin",
    [plural, name]: [string, string] = ["kubevirts", "kubevirt"],
  ): Promise<void> {
    const path = `${this.#path(plural, name)}?fieldManager=${manager}`;
    await this.#api.request({ method: "PATCH", path, body: { spec } });
  }

  /** Lets others own the KubeVirt CR, by its owner references. */
  async own(ownerReferences: readonly object[]): Promise<void> {
    const path = this.#path("kubevirts", "kubevirt");
    await this.#api.request({ method: "PATCH", path, body: { metadata: { ownerReferences } } });
  }

  /** Registers by server-side apply, taking over whatever others have. */
  async applyBinding(binding: object, manager = "admin"): Promise<void> {
    const path = `${this.#path("kubevirts", "kubevirt")}?fieldManager=${manager}&force=true`;
    const metadata = { name: "kubevirt", namespace: this.namespace };
    const spec = { configuration: { network: { binding } } };
    const body = { apiVersion: "kubevirt.io/v1", kind: "KubeVirt", metadata, spec };
    await this.#api.request({ method: "PATCH", path, body, contentType: "application/apply-patch+yaml" });
  }

  async deleteKubevirt(): Promise<void> {
    await this.#api.request({ method: "DELETE", path: this.#path("kubevirts", "kubevirt") });
  }

  /** Makes a NetworkBinding, or changes it; it goes with this. */
  async bind(name: string, spec: object = {}): Promise<void> {
    const path = `${NETWORK_BINDINGS_PATH}/${name}?fieldManager=author&force=true`;
    const contentType = "application/apply-patch+yaml";
    await this.#api.request({ method: "PATCH", path, body: networkBinding(name, spec), contentType });
  }

  async unbind(name: string): Promise<void> {
    await this.#api.request({ method: "DELETE", path: `${NETWORK_BINDINGS_PATH}/${name}` });
  }

  async binding(name: string): Promise<Read> {
    return await this.#api.request<Read>({ path: `${NETWORK_BINDINGS_PATH}/${name}` });
  }

  async names(): Promise<readonly string[]> {
    const { items } = await this.#api.request<{ items: readonly { metadata: { name: string } }[] }>({
      path: NETWORK_BINDINGS_PATH,
    });
    return items.map(({ metadata }) => metadata.name);
  }

  /** The conditions that are of the binding's last generation. */
  async conditions(name: string): Promise<Conditions> {
    const { metadata, status } = await this.binding(name);
    const current = (status?.conditions ?? []).filter((one) => one.observedGeneration === metadata.generation);
    return Object.fromEntries(current.map((one) => [one.type, one]));
  }

  /** The reason of a condition, after its status: "False OwnedByOther". */
  async reason(name: string, type: string): Promise<string> {
    const condition = (await this.conditions(name))[type];
    return `${condition?.status} ${condition?.reason}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Without a controller manager they would stay, and wait in later tests.
    await this.#api.request({ method: "DELETE", path: this.#path("virtualmachineinstances") });
    await this.#stack.disposeAsync();
    // A controller that is stopped lets nothing go.
    for (const name of await this.names()) {
      const path = `${NETWORK_BINDINGS_PATH}/${name}`;
      await this.unbind(name);
      await this.#api.request({ method: "PATCH", path, body: { metadata: { finalizers: [] } } }).catch(() => undefined);
    }
  }
}
