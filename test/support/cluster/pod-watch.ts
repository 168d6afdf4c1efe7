/** Launcher pods of a namespace as its API server shows them from now on: one watch for all, where each would be asked for. */
import { ApiClient, PODS, readWatchEvent } from "@netbind/kube";
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

const SILENCE = 30 * 60_000;
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
  #followed: Promise<unknown> = Promise.resolve();

  private constructor(api: ApiServer) {
    this.#client = new ApiClient(connectionOf(api.credentials));
  }

  /** Follows a namespace from now on. */
  static async of(api: ApiServer, namespace: string): Promise<PodWatch> {
    const watch = new PodWatch(api);
    const { promise: open, resolve } = Promise.withResolvers<void>();
    watch.#followed = watch.#follow(namespace, resolve);
    await Promise.race([open, watch.#followed]);
    return watch;
  }

  /** Those that were shown, in the order in which they were made. */
  get pods(): readonly WatchedPod[] {
    return [...this.#pods.values()];
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
      return await Promise.race([promise, this.#followed.then(() => promise)]);
    } finally {
      clearTimeout(late);
      waiters.delete(waiter);
    }
  }

  /** @throws Error where the watch ends before it is stopped */
  async #follow(namespace: string, onOpen: () => void): Promise<void> {
    const { signal } = this.#stop;
    const query = { watch: "1", resourceVersion: "0", labelSelector: "kubevirt.io=virt-launcher" };
    const call = { verb: "watch", resource: PODS, namespace, signal, silence: SILENCE, query, onOpen } as const;
    try {
      for await (const line of this.#client.watch(call)) this.#take(line);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    if (!signal.aborted) throw new Error("the watch of pods ended");
  }

  #take(line: unknown): void {
    const event = readWatchEvent(line);
    if (event?.type !== "changed") return;
    const pod = event.object as unknown as PodObject;
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
