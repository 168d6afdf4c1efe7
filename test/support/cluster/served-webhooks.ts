/** The controller's webhooks in a test's own process, which an API server asks by the configurations that they write. */
import { type Lifetimes, type ReviewContext, Webhooks } from "@netbind/controller";
import { defined } from "@netbind/contract";
import { ApiClient } from "@netbind/kube";
import { connectionOf } from "./api-connection.ts";
import type { ApiServer } from "./api-server.ts";
import type { ClusterDirectory } from "./cluster-directory.ts";
import { freePort } from "./free-port.ts";
import { openInward } from "./inward.ts";

/** What webhooks are served with. */
export interface ServedParts {
  readonly api: ApiServer;
  readonly cluster: ClusterDirectory;
  /** Of their Secret. */
  readonly namespace: string;
  readonly virtController: string;
  readonly context: () => ReviewContext | undefined;
  /** Of their certificates; absent: as they are installed. */
  readonly lifetimes?: Lifetimes;
  /** The Secret of their certificates that another program writes; absent: they certify themselves. */
  readonly certificateSecret?: string;
}

/** Webhooks that are served. */
export class ServedWebhooks {
  readonly #parts: ServedParts;
  readonly port: number;
  readonly #url: string;
  readonly problems: string[] = [];
  #stop: (() => Promise<void>) | undefined;

  private constructor(parts: ServedParts, port: number, url: string) {
    this.#parts = parts;
    this.port = port;
    this.#url = url;
  }

  /** Makes a way to them; they are not served yet. */
  static async make(parts: ServedParts, stack: AsyncDisposableStack): Promise<ServedWebhooks> {
    const port = await freePort();
    const inward = stack.use(await openInward(parts.cluster, port));
    const made = new ServedWebhooks(parts, port, `https://127.0.0.1:${inward.port}`);
    stack.defer(() => made.down());
    return made;
  }

  /** Serves them, and writes their configurations. */
  up(client = new ApiClient(connectionOf(this.#parts.api.credentials))): void {
    const { namespace, context, virtController, lifetimes, certificateSecret } = this.#parts;
    const webhooks = new Webhooks({
      ...{ client, namespace, context, virtController, target: { url: this.#url } },
      listen: { host: "127.0.0.1", port: this.port },
      ...defined({ lifetimes, certificateSecret }),
      onProblem: (what, problem = "over") => this.problems.push(`${what}: ${problem}`),
    });
    const stop = new AbortController();
    const ran = Promise.all([webhooks.follow(stop.signal), webhooks.lead(stop.signal)]);
    this.#stop = async () => {
      stop.abort();
      await ran;
      client[Symbol.dispose]();
    };
  }

  /** Takes them away, and leaves their configurations. */
  async down(): Promise<void> {
    await this.#stop?.();
    this.#stop = undefined;
  }
}
