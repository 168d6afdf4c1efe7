import type { ApiClient } from "../client/api-client.ts";
import { ApiError } from "../client/errors.ts";
import { isObjectName, VMIS } from "../client/resource.ts";
import type { ClusterSnapshot, KubePod, KubeVmi, Unreadable } from "../cluster.ts";
import { backoff, type BackoffBounds } from "./backoff.ts";
import { ProblemReport } from "../program/problem-report.ts";
import { readFields } from "./read-fields.ts";

/** Milliseconds between two looks at a VMI that does not list its pod yet, and at one that does. */
const UNLISTED: BackoffBounds = { first: 200, most: 10_000 };
const LISTED = 15_000;

/** Hears of the results of lookups. */
export interface LookupListener {
  /** With what is wrong, once for as long as it is; with undefined when it is over. */
  readonly onProblem: (problem: string | undefined) => void;
  /** A VMI was read. */
  readonly onChange: () => void;
}

/** The VMI that controls a pod, by what the pod says. */
export interface VmiReference {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

interface Lookup {
  readonly reference: VmiReference;
  readonly pod: string;
  vmi?: KubeVmi;
  unreadable?: Unreadable;
  running?: Promise<void>;
  looks: number;
  dueAt: number;
}

/** The VMI that a pod names as its controller; undefined where it names none that could be one. */
export function controllerOf({ metadata }: KubePod): VmiReference | undefined {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
  if (owner?.kind !== VMIS.kind || !isObjectName(owner.name)) return undefined;
  return { namespace: metadata.namespace, name: owner.name, uid: owner.uid };
}

/**
 * The VMIs that are read by their name: those that have no label of this node yet. KubeVirt labels a VMI when its pod is
 * ready, and a pod has to be attached before.
 */
export class VmiLookups {
  readonly #client: ApiClient;
  readonly #told: LookupListener;
  /** By the UID of the pod. */
  readonly #lookups = new Map<string, Lookup>();
  readonly #problem: ProblemReport;

  constructor(client: ApiClient, told: LookupListener) {
    this.#client = client;
    this.#told = told;
    this.#problem = new ProblemReport(told.onProblem);
  }

  get vmis(): readonly KubeVmi[] {
    return [...this.#lookups.values()].flatMap(({ vmi }) => vmi ?? []);
  }

  get unreadable(): readonly Unreadable[] {
    return [...this.#lookups.values()].flatMap(({ unreadable }) => unreadable ?? []);
  }

  /** Looks at what is due. `wanted`: the pods whose VMI is not followed. */
  look(wanted: readonly KubePod[], signal: AbortSignal): void {
    const uids = new Set(wanted.map(({ metadata }) => metadata.uid));
    for (const uid of this.#lookups.keys()) if (!uids.has(uid)) this.#lookups.delete(uid);
    for (const pod of wanted) {
      const reference = controllerOf(pod);
      if (reference === undefined) continue;
      const { uid } = pod.metadata;
      const lookup = this.#lookups.get(uid) ?? { reference, pod: uid, looks: 0, dueAt: 0 };
      this.#lookups.set(uid, lookup);
      if (lookup.running === undefined && performance.now() >= lookup.dueAt)
        lookup.running = this.#get(lookup, signal).finally(() => delete lookup.running);
    }
  }

  /** Never rejects. */
  async #get(lookup: Lookup, signal: AbortSignal): Promise<void> {
    const { namespace, name } = lookup.reference;
    try {
      this.#take(
        lookup,
        readFields(await this.#client.request({ verb: "get", resource: VMIS, namespace, name, signal })),
      );
      this.#problem.set(undefined);
    } catch (error) {
      if (signal.aborted) return;
      // A VMI that is gone is not the next one of its name; while the server is away, the last word stands.
      if (error instanceof ApiError && error.status === 404) delete lookup.vmi;
      else this.#problem.set((error as Error).message);
    }
    lookup.looks++;
    const isListed = lookup.vmi?.status?.activePods?.[lookup.pod] !== undefined;
    lookup.dueAt = performance.now() + (isListed ? LISTED : backoff(lookup.looks, UNLISTED));
  }

  #take(lookup: Lookup, { vmis: [vmi], unreadable: [unreadable] }: ClusterSnapshot): void {
    delete lookup.vmi;
    delete lookup.unreadable;
    // Another one of that name is not this pod's.
    if (vmi?.metadata.uid === lookup.reference.uid) lookup.vmi = vmi;
    if (unreadable !== undefined) lookup.unreadable = unreadable;
    this.#told.onChange();
  }
}
