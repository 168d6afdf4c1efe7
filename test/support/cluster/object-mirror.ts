/** Writes what an API server has where an agent without a client reads it. */
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ApiServer } from "./api-server.ts";

interface ListObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly items: readonly object[];
}

const EVERY = 200;

/** Copies VMIs, the pods of a node and the KubeVirt CR into a directory, again and again, until it is disposed of. */
export class ObjectMirror implements AsyncDisposable {
  readonly #api: ApiServer;
  readonly #directory: string;
  readonly #paths: Readonly<Record<string, string>>;
  readonly #ended = new AbortController();
  readonly #loop: Promise<void>;

  constructor(api: ApiServer, directory: string, node: string) {
    this.#api = api;
    this.#directory = directory;
    this.#paths = {
      kubevirts: "/apis/kubevirt.io/v1/kubevirts",
      pods: `/api/v1/pods?fieldSelector=spec.nodeName=${node}`,
      vmis: "/apis/kubevirt.io/v1/virtualmachineinstances",
    };
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    this.#loop = this.#run();
    this.#loop.catch(() => undefined);
  }

  async #run(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      for (const [name, path] of Object.entries(this.#paths)) await this.#copy(name, path);
      await sleep(EVERY);
    }
  }

  /** In a list of the API only the list says what its items are. */
  async #copy(name: string, path: string): Promise<void> {
    const { apiVersion, kind, items } = await this.#api.request<ListObject>({ path });
    const own = { apiVersion, kind: kind.replace(/List$/, "") };
    const list = { apiVersion: "v1", kind: "List", items: items.map((item) => ({ ...own, ...item })) };
    const file = join(this.#directory, `${name}.json`);
    writeFileSync(`${file}.next`, JSON.stringify(list));
    renameSync(`${file}.next`, file);
  }

  /** @throws what ended the mirror before */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#loop;
  }
}
