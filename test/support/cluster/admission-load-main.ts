/**
 * Has VMIs admitted at a steady rate, and prints how long each took: stored by an API server as dry runs, or reviewed by
 * webhooks that are asked as an API server does. Runs in a cluster's network namespace, so that nothing of the caller's is
 * on the way. Usage: SERVER CERTIFICATES NAMESPACE PER_SECOND SECONDS BINDING [WEBHOOKS]
 */
import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { Agent, type AgentOptions, request } from "node:https";
import { join } from "node:path";
import { text } from "node:stream/consumers";

/** What is printed, as JSON. */
export interface AdmissionLoad {
  /** Milliseconds from each request to its answer. */
  readonly latencies: readonly number[];
  /** What was answered to requests that failed. */
  readonly failures: readonly string[];
}

const [server = "", certificates = "", namespace = "", perSecond = "", seconds = "", binding = "", webhooks] =
  process.argv.slice(2);
const read = (name: string): string => readFileSync(join(certificates, name), "utf8");
const client: AgentOptions = { ca: read("ca.crt"), cert: read("admin.crt"), key: read("admin.key") };
// Whom API servers trust changes, and is not what is measured.
const agent = new Agent({ keepAlive: true, ...(webhooks === undefined ? client : { rejectUnauthorized: false }) });

const vmiOf = (name: string): object => ({
  ...{ apiVersion: "kubevirt.io/v1", kind: "VirtualMachineInstance", metadata: { name, namespace } },
  spec: {
    domain: {
      devices: { interfaces: [{ name: "default", binding: { name: binding } }] },
      resources: { requests: { memory: "64Mi" } },
    },
    networks: [{ name: "default", pod: {} }],
  },
});

/** Asks once. Gives what is wrong; empty: nothing. */
async function post(url: string, body: object, isDone: (answer: IncomingMessage) => boolean): Promise<string> {
  const headers = { "content-type": "application/json" };
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = request(url, { method: "POST", agent, headers }, resolve);
    sent.on("error", reject);
    sent.end(JSON.stringify(body));
  });
  const said = await text(answer);
  return isDone(answer) ? "" : said;
}

const PATH = `/apis/kubevirt.io/v1/namespaces/${namespace}/virtualmachineinstances?dryRun=All`;
const store = (name: string): Promise<string> =>
  post(`${server}${PATH}`, vmiOf(name), ({ statusCode }) => statusCode === 201);

/** What an API server asks of a VMI, one after the other. */
async function review(name: string): Promise<string> {
  const request = { uid: name, operation: "CREATE", kind: { kind: "VirtualMachineInstance" }, namespace, name };
  const type = { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview" };
  const body = { ...type, request: { ...request, object: vmiOf(name) } };
  const isDone = ({ statusCode }: IncomingMessage): boolean => statusCode === 200;
  return (await post(`${webhooks}/mutate`, body, isDone)) || (await post(`${webhooks}/validate`, body, isDone));
}

const latencies: number[] = [];
const failures: string[] = [];
async function timed(name: string): Promise<void> {
  const start = performance.now();
  const failure = await (webhooks === undefined ? store : review)(name).catch(({ message }: Error) => message);
  latencies.push(performance.now() - start);
  if (failure !== "") failures.push(failure);
}

const [pause, count] = [1000 / Number(perSecond), Number(perSecond) * Number(seconds)];
const running: Promise<void>[] = [];
const start = performance.now();
for (let at = 0; at < count; at++) {
  // The next one is due whether or not the last one was answered.
  const due = start + at * pause - performance.now();
  if (due > 0) await new Promise((resolve) => setTimeout(resolve, due));
  running.push(timed(`stored-${at}`));
}
await Promise.all(running);
agent.destroy();
process.stdout.write(JSON.stringify({ latencies, failures } satisfies AdmissionLoad));
