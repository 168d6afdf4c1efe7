/** Launcher pods of a namespace as its API server shows them from now on: one watch for all, where each would be asked for. */
import { ApiClient, PODS, Reflector } from "@netbind/kube";
import { waitUntil } from "@netbind/netns";
import { connectionOf } from "./api-connection.ts";
import type { ApiServer } from "./api-server.ts";
import { isReady, type PodObject } from "./vm-objects.ts";

/** A pod as it was last shown, and when it was first shown at all and as ready, in milliseconds since 1970. */
export interface WatchedPod {
  readonly pod: PodObject;
  readonly made: number;
  readonly ready?: number;
}

type Condition = (pod: PodObject) => boolean;
interface Waiter {
  readonly isSo: Condition;
  readonly resolve: (pod: PodObject) => void;
}

const SYNCED_WITHIN = 60_000;
const now = (): number => performance.timeOrigin + performance.now();

function lateError(uid: string, watched: WatchedPod | undefined, milliseconds: number): Error {
  const shown = watched === undefined ? "was not shown" : `has the phase ${watched.pod.status.phase}`;
  const name = watched?.pod.metadata.name ?? uid;
  return new Error(`the pod ${name} is not as it should be after ${milliseconds / 1000} s: it ${shown}`);
}

export class PodWatch implements AsyncDisposable {
  readonly #client: ApiClient;
  readonly #stop = new AbortController();
  readonly #pods = new Map<string, WatchedPod>();
  readonly #waiting = new Map<string, Set<Waiter>>();
  readonly #followed: Promise<void>;
  readonly #reflector: Reflector<void>;

  private constructor(api: ApiServer, namespace: string) {
    this.#client = new ApiClient(connectionOf(api.credentials));
    this.#reflector = new Reflector({
      ...{ client: this.#client, resource: PODS, namespace },
      selector: { labelSelector: "kubevirt.io=virt-launcher" },
      read: (object) => this.#take(object as unknown as PodObject),
    });
    this.#followed = this.#reflector.run(this.#stop.signal);
  }

  /** Follows a namespace from now on. @throws Error where its pods cannot be listed */
  static async of(api: ApiServer, namespace: string): Promise<PodWatch> {
    const watch = new PodWatch(api, namespace);
    if (!(await waitUntil(() => watch.#reflector.isSynced, SYNCED_WITHIN)))
      throw new Error(`the pods of ${namespace} cannot be followed: ${watch.#reflector.problem}`);
    return watch;
  }

  /** As it was last shown; undefined for one that was not. */
  pod(uid: string): WatchedPod | undefined {
    return this.#pods.get(uid);
  }

  /** Waits until a pod is shown as it should be. @throws Error with how it was last shown, where that takes too long */
  async until(uid: string, isSo: Condition, milliseconds: number): Promise<PodObject> {
    const shown = this.#pods.get(uid)?.pod;
    if (shown !== undefined && isSo(shown)) return shown;
    const { promise, resolve, reject } = Promise.withResolvers<PodObject>();
    const waiters = this.#waiting.get(uid) ?? new Set();
    this.#waiting.set(uid, waiters);
    const waiter = { isSo, resolve };
    waiters.add(waiter);
    const late = setTimeout(() => reject(lateError(uid, this.#pods.get(uid), milliseconds)), milliseconds);
    try {
      return await promise;
    } finally {
      clearTimeout(late);
      waiters.delete(waiter);
    }
  }

  #take(pod: PodObject): void {
    const { uid } = pod.metadata;
    const { made, ready } = { made: now(), ...this.#pods.get(uid) };
    const readyAt = ready ?? (isReady(pod) ? now() : undefined);
    this.#pods.set(uid, { pod, made, ...(readyAt === undefined ? {} : { ready: readyAt }) });
    for (const { isSo, resolve } of this.#waiting.get(uid) ?? []) if (isSo(pod)) resolve(pod);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#followed;
    this.#client[Symbol.dispose]();
  }
}
