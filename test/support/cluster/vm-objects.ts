/** A VM's objects in a test cluster's API: the stand-ins of KubeVirt's controllers write them as those do. */
import type { Vmi } from "@netbind/kubevirt";
import { waitUntil } from "@netbind/netns";
import { ApiError, type ApiServer } from "./api-server.ts";
import type { PodWatch } from "./pod-watch.ts";

/** What of a pod is read here. */
export interface PodObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: { readonly nodeName?: string };
  readonly status: {
    readonly phase: string;
    readonly podIPs?: readonly { readonly ip: string }[];
    readonly containerStatuses?: readonly {
      readonly name: string;
      readonly ready: boolean;
      readonly containerID?: string;
    }[];
  };
}

/** A VMI that an API server has. */
export type VmiObject = Vmi & { readonly metadata: { readonly uid: string; readonly deletionTimestamp?: string } };

/** The phases that a VMI goes through. */
export type Phase = "Pending" | "Scheduling" | "Scheduled" | "Running" | "Succeeded" | "Failed";

/** The object of a migration. */
export interface Migration {
  readonly name: string;
  readonly uid: string;
}

interface Condition {
  readonly type: string;
  readonly status: "True" | "False";
  readonly reason?: string;
}

const IN_TIME = 90_000;
/** Keeps a VMI until its pod is gone. */
const FINALIZER = "kubevirt.io/foregroundDeleteVirtualMachine";
const MIGRATION = "VirtualMachineInstanceMigration";
const STRATEGIC = "application/strategic-merge-patch+json";

export const isReady = ({ status: { phase, containerStatuses = [] } }: PodObject): boolean =>
  phase === "Running" && containerStatuses.length > 0 && containerStatuses.every(({ ready }) => ready);

const now = (): string => new Date().toISOString().replace(/\.\d+Z$/, "Z");

/** How a VM's objects are waited for. */
export interface Waiting {
  /** Nothing takes longer, in milliseconds; absent: as one VM alone does. */
  readonly timeout?: number;
  /** Shows the pods of the namespace; absent: each is asked for again and again. */
  readonly pods?: PodWatch;
}

/** The VMI of one name, and the pods of its namespace. */
export class VmObjects {
  readonly api: ApiServer;
  readonly #namespace: string;
  readonly #vmi: string;
  readonly #timeout: number;
  readonly #watch: PodWatch | undefined;
  readonly #phases: object[] = [];
  readonly #conditions = new Map<string, Condition>();

  constructor(api: ApiServer, { namespace, name }: Vmi["metadata"], { timeout = IN_TIME, pods }: Waiting = {}) {
    this.api = api;
    this.#timeout = timeout;
    this.#watch = pods;
    this.#namespace = namespace;
    this.#vmi = `/apis/kubevirt.io/v1/namespaces/${namespace}/virtualmachineinstances/${name}`;
  }

  get #pods(): string {
    return `/api/v1/namespaces/${this.#namespace}/pods`;
  }

  get #migrations(): string {
    return `/apis/kubevirt.io/v1/namespaces/${this.#namespace}/virtualmachineinstancemigrations`;
  }

  #phaseStatus(phase: Phase): object {
    this.#phases.push({ phase, phaseTransitionTimestamp: now() });
    return { phase, phaseTransitionTimestamps: this.#phases };
  }

  /** Makes the VMI, as the API's webhooks let it through: Pending, and kept until its pod is gone. */
  makeVmi(asked: Vmi): Promise<VmiObject> {
    const metadata = { ...asked.metadata, finalizers: [FINALIZER] };
    const body = { ...asked, metadata, status: this.#phaseStatus("Pending") };
    return this.api.request({ method: "POST", path: this.#vmi.slice(0, this.#vmi.lastIndexOf("/")), body });
  }

  vmi(): Promise<VmiObject> {
    return this.api.request({ path: this.#vmi });
  }

  /** Changes the VMI by a merge patch. It has no status of its own. */
  patchVmi(body: object): Promise<VmiObject> {
    return this.api.request({ method: "PATCH", path: this.#vmi, body });
  }

  /** Writes a phase, with what is written along with it. */
  setPhase(phase: Phase, status: object = {}, metadata: object = {}): Promise<VmiObject> {
    return this.patchVmi({ metadata, status: { ...status, ...this.#phaseStatus(phase) } });
  }

  /** The VMI's conditions with another one. */
  withCondition(condition: Condition): { readonly conditions: readonly Condition[] } {
    this.#conditions.set(condition.type, condition);
    return { conditions: [...this.#conditions.values()] };
  }

  setCondition(condition: Condition): Promise<VmiObject> {
    return this.patchVmi({ status: this.withCondition(condition) });
  }

  deleteVmi(): Promise<unknown> {
    return this.api.request({ method: "DELETE", path: this.#vmi });
  }

  /** Lets a VMI that is being deleted go, and waits until it is gone. */
  async releaseVmi(): Promise<void> {
    await this.patchVmi({ metadata: { finalizers: null } });
    await this.#awaitGone(this.#vmi);
  }

  /** Makes the object that asks for a migration of the VM. */
  async makeMigration(name: string): Promise<Migration> {
    const vmiName = this.#vmi.slice(this.#vmi.lastIndexOf("/") + 1);
    const body = { apiVersion: "kubevirt.io/v1", kind: MIGRATION, metadata: { name }, spec: { vmiName } };
    const { metadata } = await this.api.request<{ readonly metadata: Migration }>({
      ...{ method: "POST", path: this.#migrations, body },
    });
    const migration = { name, uid: metadata.uid };
    await this.setMigrationPhase(migration, "Pending");
    return migration;
  }

  /** Says how far a migration is. */
  setMigrationPhase({ name }: Migration, phase: string): Promise<unknown> {
    const path = `${this.#migrations}/${name}/status`;
    return this.api.request({ method: "PATCH", path, body: { status: { phase } } });
  }

  /** Makes a pod, as an account. */
  createPod(body: object, user: string): Promise<PodObject> {
    return this.api.request({ method: "POST", path: this.#pods, body, user });
  }

  pod({ metadata: { name } }: PodObject): Promise<PodObject> {
    return this.api.request({ path: `${this.#pods}/${name}` });
  }

  patchPod({ metadata: { name } }: PodObject, body: object): Promise<PodObject> {
    return this.api.request({ method: "PATCH", path: `${this.#pods}/${name}`, body });
  }

  /** Writes a condition of a pod, beside the kubelet's. */
  setPodCondition({ metadata: { name } }: PodObject, condition: Condition): Promise<PodObject> {
    const body = { status: { conditions: [condition] } };
    return this.api.request({
      ...{ method: "PATCH", path: `${this.#pods}/${name}/status`, body, contentType: STRATEGIC },
    });
  }

  /** Has the kubelet end a pod within so many seconds. */
  deletePod({ metadata: { name } }: PodObject, grace: number): Promise<unknown> {
    return this.api.request({ method: "DELETE", path: `${this.#pods}/${name}?gracePeriodSeconds=${grace}` });
  }

  awaitPodGone({ metadata: { name } }: PodObject): Promise<void> {
    return this.#awaitGone(`${this.#pods}/${name}`);
  }

  /** Waits until a pod is as it should be. @throws Error with what it is, where that takes too long */
  async awaitPod(asked: PodObject, isSo: (pod: PodObject) => boolean): Promise<PodObject> {
    if (this.#watch !== undefined) return this.#watch.until(asked.metadata.uid, isSo, this.#timeout);
    let pod = asked;
    const ask = async (): Promise<boolean> => {
      pod = await this.pod(asked);
      return isSo(pod);
    };
    if ((await ask()) || (await waitUntil(ask, this.#timeout, 50))) return pod;
    const { namespace, name } = asked.metadata;
    const described = await this.api.kubectl(["describe", "pod", "-n", namespace, name]);
    throw new Error(`the pod ${name} is not as it should be:\n${described}`);
  }

  async #awaitGone(path: string): Promise<void> {
    const isGone = (): Promise<boolean> =>
      this.api.request({ path }).then(
        () => false,
        (error: unknown) => {
          if (error instanceof ApiError && error.status === 404) return true;
          throw error;
        },
      );
    if (!(await waitUntil(isGone, this.#timeout, 100))) throw new Error(`${path} is still there`);
  }
}
