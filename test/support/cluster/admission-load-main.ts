/**
 * Stores VMIs at a steady rate, as dry runs, and prints how long each took. Runs in a cluster's network namespace, so that
 * nothing of the caller's is on the way. Usage: SERVER CERTIFICATES NAMESPACE PER_SECOND SECONDS BINDING
 */
import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { join } from "node:path";

/** What is printed, as JSON. */
export interface AdmissionLoad {
  /** Milliseconds from each request to its answer. */
  readonly latencies: readonly number[];
  /** What was answered to requests that failed. */
  readonly failures: readonly string[];
}

const [server = "", certificates = "", namespace = "", perSecond = "", seconds = "", binding = ""] =
  process.argv.slice(2);
const read = (name: string): string => readFileSync(join(certificates, name), "utf8");
const agent = new Agent({ keepAlive: true, ca: read("ca.crt"), cert: read("admin.crt"), key: read("admin.key") });
const url = new URL(`/apis/kubevirt.io/v1/namespaces/${namespace}/virtualmachineinstances?dryRun=All`, server);

const bodyOf = (name: string): string =>
  JSON.stringify({
    ...{ apiVersion: "kubevirt.io/v1", kind: "VirtualMachineInstance", metadata: { name } },
    spec: {
      domain: {
        devices: { interfaces: [{ name: "default", binding: { name: binding } }] },
        resources: { requests: { memory: "64Mi" } },
      },
      networks: [{ name: "default", pod: {} }],
    },
  });

/** Stores one. Gives what is wrong; empty: nothing. */
function store(name: string): Promise<string> {
  return new Promise((resolve) => {
    const headers = { "content-type": "application/json" };
    const sent = request(url, { method: "POST", agent, headers }, (answer) => {
      const parts: Buffer[] = [];
      answer.on("data", (part: Buffer) => parts.push(part));
      answer.on("end", () => resolve(answer.statusCode === 201 ? "" : Buffer.concat(parts).toString()));
    });
    sent.on("error", ({ message }) => resolve(message));
    sent.end(bodyOf(name));
  });
}

const latencies: number[] = [];
const failures: string[] = [];
async function timed(name: string): Promise<void> {
  const start = performance.now();
  const failure = await store(name);
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
