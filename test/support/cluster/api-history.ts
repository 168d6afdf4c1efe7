/** Everything that an API server shows of VMs, their pods and their migrations, while it is followed. */
import { ApiClient, PODS, readListPage, readWatchEvent, type Resource, VMIS } from "@netbind/kube";
import { connectionOf } from "./api-connection.ts";
import type { ApiServer } from "./api-server.ts";

/** An object as one write left it. */
export interface ApiMoment {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly kind: string;
  readonly object: Readonly<Record<string, unknown>>;
}

/** A moment, and its place among those of all kinds: etcd counts them. */
interface Counted extends ApiMoment {
  readonly version: number;
}

const MIGRATIONS: Resource = {
  ...{ group: "kubevirt.io", version: "v1", kind: "VirtualMachineInstanceMigration" },
  plural: "virtualmachineinstancemigrations",
};
const SILENCE = 10 * 60_000;

export class ApiHistory implements AsyncDisposable {
  readonly #moments: Counted[] = [];
  readonly #stop = new AbortController();
  readonly #client: ApiClient;
  #followed: Promise<unknown> = Promise.resolve();
  #problem: unknown;

  private constructor(api: ApiServer) {
    this.#client = new ApiClient(connectionOf(api.credentials));
  }

  /** Follows a namespace from now on. */
  static async of(api: ApiServer, namespace: string): Promise<ApiHistory> {
    const history = new ApiHistory(api);
    const begun = [VMIS, PODS, MIGRATIONS].map((resource) => history.#follow(resource, namespace));
    history.#followed = Promise.all(begun.map(({ ended }) => ended)).catch((error: unknown) => {
      history.#problem = error;
    });
    await Promise.race([Promise.all(begun.map(({ open }) => open)), history.#followed]);
    if (history.#problem !== undefined) throw history.#problem;
    return history;
  }

  /** What was written since, in the order of the writes. @throws what ended a watch */
  get moments(): readonly ApiMoment[] {
    if (this.#problem !== undefined) throw this.#problem;
    return this.#moments.toSorted((a, b) => a.version - b.version);
  }

  #follow(resource: Resource, namespace: string): { readonly open: Promise<void>; readonly ended: Promise<void> } {
    const { promise: open, resolve } = Promise.withResolvers<void>();
    const { signal } = this.#stop;
    const read = async (): Promise<void> => {
      const page = readListPage(await this.#client.request({ verb: "list", resource, namespace }));
      const query = { watch: "1", resourceVersion: page?.version ?? "" };
      const call = { verb: "watch", resource, namespace, signal, silence: SILENCE, query, onOpen: resolve } as const;
      for await (const line of this.#client.watch(call)) this.#take(resource.kind, line);
      throw new Error(`the watch of ${resource.plural} ended`);
    };
    return { open, ended: read() };
  }

  #take(kind: string, line: unknown): void {
    const event = readWatchEvent(line);
    if (event?.type === "bookmark") return;
    if (event === undefined || event.type === "error") throw new Error(`a watch says ${JSON.stringify(line)}`);
    const { type } = line as { readonly type: ApiMoment["type"] };
    this.#moments.push({ type, kind, object: event.object, version: Number(event.version) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#followed;
    this.#client[Symbol.dispose]();
  }
}
