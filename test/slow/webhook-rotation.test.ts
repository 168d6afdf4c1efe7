/** Certificates and their authority are changed while VMs are stored, 50 a second, and none of them fails. */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "node:tls";
import { type Lifetimes, readSecret, reviewContextOf } from "@netbind/controller";
import { ApiClient, type ApiObject, MUTATING_WEBHOOKS, SECRETS, VMIS } from "@netbind/kube";
import { waitUntil } from "@netbind/netns";
import { expect, test } from "vitest";
import { connectionOf } from "../support/cluster/api-connection.ts";
import { ApiServer } from "../support/cluster/api-server.ts";
import { Authority } from "../support/cluster/certificates.ts";
import { downCluster, upOwnCluster } from "../support/cluster/cluster.ts";
import { ClusterDirectory } from "../support/cluster/cluster-directory.ts";
import { defaultRelease } from "../support/cluster/kubernetes.ts";
import { applyCrds } from "../support/cluster/kubevirt-crds.ts";
import { testRelease } from "../support/cluster/registering.ts";
import { ServedWebhooks } from "../support/cluster/served-webhooks.ts";

const PER_SECOND = 50;
/** An authority is made known for a while before it certifies. */
const LIFETIMES = { authority: 60_000, server: 15_000 };
/** Milliseconds after which the last of several API servers hears of a configuration. */
const LATE = 4000;

/** An API server that asks webhooks. */
class Scene implements AsyncDisposable {
  readonly stack: AsyncDisposableStack;
  readonly webhooks: ServedWebhooks;
  readonly client: ApiClient;
  readonly namespace: string;

  private constructor(parts: Pick<Scene, "client" | "namespace" | "stack" | "webhooks">) {
    this.stack = parts.stack;
    this.webhooks = parts.webhooks;
    this.client = parts.client;
    this.namespace = parts.namespace;
  }

  static async make(options: { readonly lifetimes?: Lifetimes; readonly certificateSecret?: string }): Promise<Scene> {
    const stack = new AsyncDisposableStack();
    const directory = new ClusterDirectory(`rotation-${process.pid}`);
    await upOwnCluster(directory, { release: defaultRelease(), nodes: 0 });
    stack.defer(() => downCluster(directory));
    const api = new ApiServer(directory);
    await applyCrds(api);
    const { name: namespace } = stack.use(await api.makeNamespace());
    const configuration = { network: { binding: { passt: { sidecarImage: "passt:1" } } } };
    const context = reviewContextOf({ configuration, version: "v1.9.0" }, [], testRelease());
    const parts = { api, cluster: directory, namespace, virtController: "nobody", context: () => context };
    const webhooks = await ServedWebhooks.make({ ...parts, ...options }, stack);
    const client = stack.use(new ApiClient(connectionOf(api.credentials)));
    return new Scene({ stack, webhooks, client, namespace });
  }

  /** True where a VM that is stored is changed by the webhooks. */
  async isAsked(): Promise<boolean> {
    const body = {
      ...{ apiVersion: "kubevirt.io/v1", kind: "VirtualMachineInstance", metadata: { name: randomUUID() } },
      spec: {
        domain: { devices: { interfaces: [{ name: "red", passt: {} }] } },
        networks: [{ name: "red", pod: {} }],
      },
    };
    const { client, namespace } = this;
    const place = { verb: "create", resource: VMIS, namespace, body, query: { dryRun: "All" } } as const;
    return JSON.stringify(await client.request(place)).includes("netbind.dev/bindings");
  }

  async begin(): Promise<void> {
    this.webhooks.up();
    expect(await waitUntil(() => this.isAsked(), 30_000, 100), this.webhooks.problems.join("\n")).toBe(true);
  }

  /** Has VMs stored for so many seconds, and does something at the beginning of each. Gives what failed. */
  async store(seconds: number, each: (second: number) => Promise<unknown>): Promise<readonly string[]> {
    const failures: string[] = [];
    const running: Promise<unknown>[] = [];
    const start = performance.now();
    for (let at = 0; at < seconds * PER_SECOND; at++) {
      // The next one is due whether or not the last one was answered.
      await sleep(Math.max(0, start + (at * 1000) / PER_SECOND - performance.now()));
      const said = this.isAsked().then(
        (asked) => (asked ? [] : ["stored unchanged"]),
        ({ message }: Error) => [message],
      );
      running.push(said.then((all) => failures.push(...all)));
      if (at % PER_SECOND === 0) running.push(each(at / PER_SECOND));
    }
    await Promise.all(running);
    return failures;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stack.disposeAsync();
  }
}

test("no VM fails to be stored while certificates and their authority are changed", async () => {
  await using scene = await Scene.make({ lifetimes: LIFETIMES });
  await scene.begin();
  const { client, namespace } = scene;
  const [shown, certifying] = [new Set<string>(), new Set<string>()];
  const failures = await scene.store(75, async () => {
    const stored = await client.request({ verb: "get", resource: SECRETS, namespace, name: "netbind-webhooks" });
    const certificates = readSecret(stored as unknown as ApiObject);
    shown.add(certificates?.server.cert ?? "");
    certifying.add(certificates?.authorities[0] ?? "");
  });
  expect(failures).toEqual([]);
  expect(shown.size).toBeGreaterThan(3);
  expect(certifying.size).toBeGreaterThanOrEqual(2);
});

const GIVEN = "given-certificate";

/** What cert-manager does: it writes a Secret with a certificate, its key, and the authority that issued it. */
class Issuer implements Disposable {
  readonly #scene: Scene;
  readonly #directory = mkdtempSync(join(tmpdir(), "netbind-issuer-"));
  #issued = 0;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  /** Issues the next certificate, by an authority of a name. */
  async issue(authority: string): Promise<void> {
    const { client, namespace } = this.#scene;
    const made = await Authority.in(join(this.#directory, authority));
    const { cert, key } = await made.issue(`server-${this.#issued++}`, { name: "webhooks", serves: ["IP:127.0.0.1"] });
    const read = (path: string): string => readFileSync(path).toString("base64");
    const data = { "tls.crt": read(cert), "tls.key": read(key), "ca.crt": read(made.caFile) };
    const body = { apiVersion: "v1", kind: "Secret", metadata: { name: GIVEN }, type: "kubernetes.io/tls", data };
    const query = { fieldManager: "cert-manager", force: "true" };
    await client.request({ verb: "patch", patch: "apply", resource: SECRETS, namespace, name: GIVEN, body, query });
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true });
  }
}

/** What a configuration tells API servers to trust, as PEM. */
async function trustedBy(client: ApiClient): Promise<string> {
  const read = await client.request({ verb: "get", resource: MUTATING_WEBHOOKS, name: "netbind-bindings" });
  const [webhook] = read["webhooks"] as readonly { readonly clientConfig: { readonly caBundle: string } }[];
  return Buffer.from(webhook?.clientConfig.caBundle ?? "", "base64").toString();
}

/** The serial number of the certificate that a server shows to who trusts these authorities. @throws Error of who does not */
async function shownTo(ca: string, port: number): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port, ca });
  await once(socket, "secureConnect", { signal: AbortSignal.timeout(10_000) });
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

test("no VM fails to be stored while another program changes the certificate and its authority at once", async () => {
  await using scene = await Scene.make({ certificateSecret: GIVEN });
  using issuer = new Issuer(scene);
  await issuer.issue("first");
  await scene.begin();
  const { client, webhooks } = scene;
  const shown = new Set<string>();
  const refused: string[] = [];
  /** Connects as an API server does that has heard of a configuration late. */
  const look = async (): Promise<void> => {
    const trusted = await trustedBy(client);
    await sleep(LATE);
    const said = await shownTo(trusted, webhooks.port).catch(({ message }: Error) => refused.push(message));
    if (typeof said === "string") shown.add(said);
  };
  const changes = new Map([
    [8, "first"],
    [14, "second"],
    [36, "third"],
  ]);
  const failures = await scene.store(60, async (second) => {
    const authority = changes.get(second);
    await Promise.all([look(), authority === undefined ? undefined : issuer.issue(authority)]);
  });
  expect(failures).toEqual([]);
  expect(refused).toEqual([]);
  // Each was shown, and the authorities of before are still trusted: another replica may not have heard of the change.
  expect(shown.size).toBe(4);
  expect((await trustedBy(client)).match(/BEGIN CERTIFICATE/g)).toHaveLength(3);
  expect(webhooks.problems).toEqual([]);
});
