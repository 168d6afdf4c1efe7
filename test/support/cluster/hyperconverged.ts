/** Plays HyperConverged's operator, as far as it writes a KubeVirt CR: the whole spec, over what others change there. */
import { setTimeout as sleep } from "node:timers/promises";
import { sameValue } from "@netbind/kubevirt";
import { ApiError, type ApiServer } from "./api-server.ts";

/** The manager that the operator writes as. */
export const OPERATOR = "hyperconverged-cluster-operator";
const NAME = "kubevirt-hyperconverged";
const BETWEEN_LOOKS = 200;

type Value = Readonly<Record<string, unknown>>;
interface Read {
  readonly metadata: { readonly uid: string; readonly ownerReferences?: unknown };
  readonly spec: Value;
}

/** How an operator is. */
export interface OperatorSettings {
  /** The namespace of both CRs. */
  readonly namespace: string;
  /** False for one that does not say by a reference that the KubeVirt CR is its own. */
  readonly refers?: boolean;
}

const objectOf = (value: unknown): Value => (value ?? {}) as Value;

/** A HyperConverged CR, its operator, and the KubeVirt CR that this one writes. */
export class HyperConverged implements AsyncDisposable {
  readonly #api: ApiServer;
  readonly #settings: OperatorSettings;
  readonly #opinion: Value;
  #stop = new AbortController();
  #ran: Promise<void> = Promise.resolve();
  /** How often the KubeVirt CR was another one than the operator's, though HyperConverged's had not changed. */
  overwritten = 0;

  private constructor(api: ApiServer, settings: OperatorSettings, opinion: Value) {
    this.#api = api;
    this.#settings = settings;
    this.#opinion = opinion;
  }

  /** Takes over the KubeVirt CR "kubevirt" of a namespace: what it says now is the operator's opinion, but for bindings. */
  static async install(api: ApiServer, settings: OperatorSettings): Promise<HyperConverged> {
    const { spec } = await api.request<Read>({ path: kubevirtPath(settings) });
    const made = new HyperConverged(api, settings, spec);
    const type = { apiVersion: "hco.kubevirt.io/v1beta1", kind: "HyperConverged" };
    await api.apply({ ...type, metadata: { name: NAME, namespace: settings.namespace }, spec: {} });
    made.start();
    return made;
  }

  get #path(): string {
    return `/apis/hco.kubevirt.io/v1beta1/namespaces/${this.#settings.namespace}/hyperconvergeds/${NAME}`;
  }

  /** What HyperConverged's CR registers. */
  async networkBinding(): Promise<Value> {
    return objectOf((await this.#api.request<Read>({ path: this.#path })).spec["networkBinding"]);
  }

  /** Registers in HyperConverged's CR, as an administrator. */
  async register(networkBinding: object): Promise<void> {
    await this.#api.request({
      ...{ method: "PATCH", path: `${this.#path}?fieldManager=kubectl-edit` },
      body: { spec: { networkBinding } },
    });
  }

  /** Lets the operator run, after it was stopped. */
  start(): void {
    this.#stop = new AbortController();
    this.#ran = this.#run(this.#stop.signal);
  }

  /** Ends the operator, as an eviction does: nothing is copied meanwhile. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#ran;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #run(signal: AbortSignal): Promise<void> {
    let last: unknown;
    while (!signal.aborted) {
      last = await this.#reconcile(last).catch((error: unknown) => {
        // Another's write came between: the next look sees it.
        if (error instanceof ApiError && error.status === 409) return last;
        throw error;
      });
      await sleep(BETWEEN_LOOKS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Writes the KubeVirt CR where it is not as it should be. `last`: what HyperConverged's was. Gives what it is. */
  async #reconcile(last: unknown): Promise<unknown> {
    const own = await this.#api.request<Read>({ path: this.#path });
    const current = await this.#api.request<Read>({ path: kubevirtPath(this.#settings) });
    const spec = this.#specOf(own);
    const owners = this.#ownersOf(own);
    const { metadata } = current;
    if (sameValue(current.spec, spec) && sameValue(metadata.ownerReferences ?? [], owners)) return own.spec;
    if (sameValue(own.spec, last)) this.overwritten++;
    const body = { ...current, metadata: { ...metadata, ownerReferences: owners }, spec };
    const path = `${kubevirtPath(this.#settings)}?fieldManager=${OPERATOR}`;
    await this.#api.request({ method: "PUT", path, body });
    return own.spec;
  }

  #specOf({ spec: { networkBinding } }: Read): Value {
    const configuration = objectOf(this.#opinion["configuration"]);
    const { binding: _, ...network } = objectOf(configuration["network"]);
    const bindings = Object.keys(objectOf(networkBinding)).length === 0 ? {} : { binding: networkBinding };
    const whole = { ...network, ...bindings };
    const { network: _network, ...others } = configuration;
    const hasNetwork = Object.keys(whole).length > 0;
    return { ...this.#opinion, configuration: { ...others, ...(hasNetwork ? { network: whole } : {}) } };
  }

  #ownersOf({ metadata: { uid } }: Read): readonly object[] {
    if (this.#settings.refers === false) return [];
    const type = { apiVersion: "hco.kubevirt.io/v1beta1", kind: "HyperConverged" };
    return [{ ...type, name: NAME, uid, controller: true, blockOwnerDeletion: true }];
  }
}

const kubevirtPath = ({ namespace }: OperatorSettings): string =>
  `/apis/kubevirt.io/v1/namespaces/${namespace}/kubevirts/kubevirt`;
