/** A test's view of an API server that runs. */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { exec } from "@netbind/netns";
import { Applier } from "./apply-objects.ts";
import type { ClusterDirectory } from "./cluster-directory.ts";

/** What a client needs to reach the API server as a user: PEM texts, or a token in the certificate's place. */
export interface ApiCredentials {
  /** Such as `https://127.0.0.1:40001`. */
  readonly server: string;
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
  readonly token?: string;
}

/** A request of the API. */
export interface ApiRequest {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With its query, such as `/api/v1/pods?limit=1`. */
  readonly path: string;
  readonly body?: object;
  /** Of the body; a patch is an RFC 7386 merge patch where nothing else is said. */
  readonly contentType?: string;
  /** The account that asks, in the administrator's place. */
  readonly user?: string;
}

/** An answer that is not a success. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;

  constructor({ method = "GET", path }: ApiRequest, status: number, said: string) {
    super(`${method} ${path}: ${status}: ${said}`);
    this.status = status;
  }
}

const KUBECTL_DEADLINE = 60_000;

const namespaceObject = (name: string): object => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
const accountObject = (name: string): object => ({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name } });

/** A namespace of a test's own. Without a controller manager it stays, terminating, until the server ends. */
export interface TestNamespace extends AsyncDisposable {
  readonly name: string;
}

/** The API server of a cluster, asked as an administrator. */
export class ApiServer {
  readonly #directory: ClusterDirectory;
  readonly #applier = new Applier(this);
  readonly credentials: ApiCredentials;

  constructor(directory: ClusterDirectory) {
    this.#directory = directory;
    const pki = (name: string): string => readFileSync(join(directory.certificates, name), "utf8");
    const server = directory.record()?.server;
    if (server === undefined) throw new Error(`the cluster "${directory.name}" is not up`);
    this.credentials = { server, ca: pki("ca.crt"), cert: pki("admin.crt"), key: pki("admin.key") };
  }

  get kubeconfig(): string {
    return this.#directory.kubeconfig;
  }

  /** The path of kubectl of the server's own release. */
  get kubectlProgram(): string {
    return join(this.#directory.programs, "kubectl");
  }

  /** Runs it to its end, and gives what it prints. */
  kubectl(args: readonly string[], stdin?: string | object): Promise<string> {
    const program = this.kubectlProgram;
    const cache = `--cache-dir=${this.#directory.file("kubectl-cache")}`;
    const input = typeof stdin === "object" ? JSON.stringify(stdin) : stdin;
    const options = { deadline: KUBECTL_DEADLINE, ...(input === undefined ? {} : { stdin: input }) };
    return exec([program, "--kubeconfig", this.kubeconfig, cache, ...args], options);
  }

  /** Asks once. Gives the answer's object. @throws ApiError where it is not a success */
  async request<T = unknown>(asked: ApiRequest, as: ApiCredentials = this.credentials): Promise<T> {
    const answer = await open(asked, as);
    const said = await text(answer);
    const { statusCode = 0 } = answer;
    if (statusCode >= 300) throw new ApiError(asked, statusCode, said);
    return JSON.parse(said) as T;
  }

  /** Makes objects, or changes them, as one manager that takes fields from others. */
  apply(...objects: readonly object[]): Promise<void> {
    return this.#applier.apply(objects);
  }

  /** Makes a namespace where pods can be made: with the service account that they run as. */
  async makeNamespace(): Promise<TestNamespace> {
    const name = `test-${randomBytes(4).toString("hex")}`;
    await this.request({ method: "POST", path: "/api/v1/namespaces", body: namespaceObject(name) });
    await this.#makeAccount(name, "default").catch(ignoreConflict);
    return { name, [Symbol.asyncDispose]: () => this.#removeNamespace(name) };
  }

  /** Without a controller of namespaces their objects stay: VMIs are what other tests would find. */
  async #removeNamespace(name: string): Promise<void> {
    const vmis = `/apis/kubevirt.io/v1/namespaces/${name}/virtualmachineinstances`;
    await this.request({ method: "DELETE", path: vmis }).catch(ignoreMissing);
    await this.request({ method: "DELETE", path: `/api/v1/namespaces/${name}` });
  }

  /** Credentials of a service account, which is made where it is not there. */
  async asServiceAccount(namespace: string, name: string): Promise<ApiCredentials> {
    await this.#makeAccount(namespace, name).catch(ignoreConflict);
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
    const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} };
    const { status } = await this.request<{ status: { token: string } }>({ method: "POST", path, body });
    const { server, ca } = this.credentials;
    return { server, ca, token: status.token };
  }

  /** Kills the API server, or starts it again and waits until it is ready; etcd goes on meanwhile. */
  order(verb: "stop" | "start", program: "kube-apiserver" = "kube-apiserver"): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.#directory.file("orders.sock"), () => socket.write(`${verb} ${program}\n`));
      socket.on("error", reject);
      text(socket).then((said) => (said === "done" ? resolve() : reject(new Error(said))), reject);
    });
  }

  #makeAccount(namespace: string, name: string): Promise<unknown> {
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts`;
    return this.request({ method: "POST", path, body: accountObject(name) });
  }
}

const ignoring =
  (status: number) =>
  (error: unknown): void => {
    if (!(error instanceof ApiError) || error.status !== status) throw error;
  };
const ignoreConflict = ignoring(409);
const ignoreMissing = ignoring(404);

/** To make a connection is most of what a request takes. */
const KEPT = new Agent({ keepAlive: true });

function open(asked: ApiRequest, as: ApiCredentials, agent: Agent | false = KEPT): Promise<IncomingMessage> {
  const { server, ca, cert, key, token } = as;
  const { method = "GET", path, body, contentType, user } = asked;
  const type = contentType ?? (method === "PATCH" ? "application/merge-patch+json" : "application/json");
  const headers = {
    ...(body === undefined ? {} : { "content-type": type }),
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(user === undefined ? {} : { "impersonate-user": user }),
  };
  const own = { ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key }) };
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, server), { method, headers, ca, ...own, agent }, resolve);
    sent.on("error", (error: NodeJS.ErrnoException) => {
      // The server was about to close a connection that was used before: it has not heard this request.
      if (sent.reusedSocket && error.code === "ECONNRESET") open(asked, as, false).then(resolve, reject);
      else reject(error);
    });
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
