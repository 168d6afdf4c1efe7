/** What NetworkBindings said of themselves in the course of time. */
import { setTimeout as sleep } from "node:timers/promises";
import type { ApiServer } from "./api-server.ts";
import { NETWORK_BINDINGS_PATH } from "./network-binding-crd.ts";

const BETWEEN_LOOKS = 200;

interface Bindings {
  readonly items: readonly {
    readonly metadata: { readonly name: string; readonly uid: string };
    readonly status?: {
      readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string }[];
    };
  }[];
}

/** Looks at each NetworkBinding's UID and its condition Ready, until it is stopped. */
export class ReadyHistory {
  readonly #stop = new AbortController();
  readonly #seen = new Set<string>();
  readonly #followed: Promise<void>;

  constructor(api: ApiServer) {
    this.#followed = this.#follow(api);
  }

  async #follow(api: ApiServer): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const { items } = await api.request<Bindings>({ path: NETWORK_BINDINGS_PATH });
      for (const { metadata, status } of items) {
        const ready = status?.conditions?.find(({ type }) => type === "Ready");
        this.#seen.add(`${metadata.name} ${metadata.uid} ${ready?.status} ${ready?.reason}`);
      }
      await sleep(BETWEEN_LOOKS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** All that was seen of each, a line each: one, where it was there all the time and never changed. */
  async end(): Promise<readonly string[]> {
    this.#stop.abort();
    await this.#followed;
    return [...this.#seen].sort();
  }
}
