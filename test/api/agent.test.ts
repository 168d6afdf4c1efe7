/** The node agent as a program on a real API server, with the rights that the chart gives it and no others. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AGENT, WITH_COMPILED } from "../support/build/programs.ts";
import { accountWith, AGENT_RULES } from "../support/cluster/agent-role.ts";
import type { Rule } from "../support/cluster/chart.ts";
import type { ApiServer, TestNamespace } from "../support/cluster/api-server.ts";
import { writeKubeconfig } from "../support/cluster/kubeconfig.ts";
import { applyNetworkBindingCrd } from "../support/cluster/network-binding-crd.ts";
import { NodeObjects } from "../support/cluster/node-objects.ts";
import { useApiServer } from "../support/cluster/use-api-server.ts";

const WITHIN = { timeout: 60_000, interval: 100 };

let api: ApiServer;
let directory: string;
let namespace: TestNamespace;
let objects: NodeObjects;
let agent: ChildProcess | undefined;
let log: string;
beforeEach(async () => {
  api = useApiServer();
  directory = mkdtempSync(join(tmpdir(), "netbind-agent-"));
  namespace = await api.makeNamespace();
  objects = new NodeObjects(api, namespace.name);
  log = "";
});
afterEach(async () => {
  await stop();
  await namespace[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

/** Writes a kubeconfig of a service account with these rules. */
async function kubeconfigWith(rules: readonly Rule[]): Promise<string> {
  const path = join(directory, "kubeconfig");
  writeKubeconfig(path, await accountWith(api, { namespace: namespace.name, name: "agent" }, rules));
  return path;
}

function start(...options: readonly string[]): void {
  const places = ["--state", join(directory, "state"), "--node-netns", "/proc/self/ns/net"];
  agent = spawn(process.execPath, [...AGENT, "--node", objects.node, ...places, ...options], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, ...WITH_COMPILED },
  });
  agent.stderr?.on("data", (chunk: Buffer) => (log += chunk.toString()));
}

/** Ends the agent in order, and gives its exit code. */
async function stop(): Promise<number | null> {
  const running = agent;
  agent = undefined;
  if (running === undefined || running.exitCode !== null) return running?.exitCode ?? null;
  const ended = once(running, "exit");
  running.kill("SIGTERM");
  await ended;
  return running.exitCode;
}

interface Listed {
  readonly items: readonly { readonly reason: string; readonly involvedObject: { kind: string; name: string } }[];
}
const events = async (): Promise<readonly (readonly string[])[]> => {
  const { items } = await api.request<Listed>({ path: `/api/v1/namespaces/${namespace.name}/events` });
  return items.map(({ reason, involvedObject: { kind, name } }) => [reason, kind, name]);
};

/** Asks the agent itself, at the port that it said it serves at. */
async function ask(path: string): Promise<{ readonly status: number; readonly text: string }> {
  const [, port] = /"port":(\d+),"msg":"metrics and health are served"/.exec(log) ?? [];
  if (port === undefined) return { status: 0, text: "" };
  const answer = await fetch(`http://127.0.0.1:${port}${path}`);
  return { status: answer.status, text: await answer.text() };
}
const statusOf = (path: string) => async (): Promise<number> => (await ask(path)).status;
const LISTEN = ["--listen", "127.0.0.1:0"] as const;

test("with the chart's rights it sees its pods, says on one why it is not attached, and ends in order", async () => {
  start("--kubeconfig", await kubeconfigWith(AGENT_RULES), ...LISTEN);
  await expect.poll(statusOf("/readyz"), WITHIN).toBe(200);
  const vmi = await objects.makeVmi("vm");
  const uid = await objects.bindPod("vm", vmi, { hostNetwork: true });
  await objects.patchVmi("vm", { status: { activePods: { [uid]: objects.node } } });
  // What speaks against a pod is said of the pod: its VMI may belong to another pod.
  await expect.poll(events, WITHIN).toContainEqual(["POD_ON_HOST_NETWORK", "Pod", "virt-launcher-vm"]);
  // Its rights are enough: nothing was refused.
  expect(log).not.toContain("add the rule");
  const { text } = await ask("/metrics");
  expect(text).toContain('netbind_agent_refusals_total{reason="POD_ON_HOST_NETWORK"} 1\n');
  expect(text).toContain("netbind_agent_attached_pods 0\n");
  expect(text).not.toContain("virt-launcher");
  expect([(await ask("/")).status, (await ask("/healthz")).text]).toEqual([404, "ok\n"]);
  expect(await stop()).toBe(0);
  expect(log).toContain("stopped: the pods' networks stay");
});

test("without one of the chart's rights it says which rule is missing, and does nothing", async () => {
  const withoutPods = AGENT_RULES.filter(({ resources }) => !resources.includes("pods"));
  expect(withoutPods).toHaveLength(AGENT_RULES.length - 1);
  start("--kubeconfig", await kubeconfigWith(withoutPods), ...LISTEN);
  const rule = JSON.stringify('{apiGroups: [""], resources: ["pods"], verbs: ["list", "watch"]}').slice(1, -1);
  await expect.poll(() => log, WITHIN).toContain(`add the rule ${rule}`);
  await expect.poll(() => log, WITHIN).toContain("the cluster does not report its pods: nothing is changed");
  await expect.poll(statusOf("/readyz"), WITHIN).toBe(503);
  expect((await ask("/healthz")).status).toBe(200);
  expect(await stop()).toBe(0);
});

test("as long as what is granted is not known, a pod waits and nothing is said of it; then it is looked at", async () => {
  await applyNetworkBindingCrd(api);
  const withoutGrants = AGENT_RULES.filter(({ resources }) => !resources.includes("networkbindings"));
  expect(withoutGrants).toHaveLength(AGENT_RULES.length - 1);
  const vmi = await objects.makeVmi("vm");
  const uid = await objects.bindPod("vm", vmi, { hostNetwork: true });
  await objects.patchVmi("vm", { status: { activePods: { [uid]: objects.node } } });
  start("--kubeconfig", await kubeconfigWith(withoutGrants), ...LISTEN);
  await expect.poll(() => log, WITHIN).toContain("cannot list networkbindings.netbind.dev: it is not allowed");
  await expect.poll(statusOf("/readyz"), WITHIN).toBe(503);
  expect(await events()).toEqual([]);
  await accountWith(api, { namespace: namespace.name, name: "agent" }, AGENT_RULES);
  await expect.poll(events, WITHIN).toContainEqual(["POD_ON_HOST_NETWORK", "Pod", "virt-launcher-vm"]);
  expect((await ask("/readyz")).status).toBe(200);
});

test("outside of a pod, and with two sources, it says what to name", async () => {
  start();
  await expect.poll(() => agent?.exitCode, WITHIN).toBe(2);
  expect(log).toContain("name a kubeconfig with --kubeconfig");
  log = "";
  start("--objects", directory, "--listen", "192.0.2.1:80");
  await expect.poll(() => agent?.exitCode, WITHIN).toBe(2);
  expect(log).toContain("--listen 192.0.2.1:80: it cannot be listened at (EADDRNOTAVAIL)");
  log = "";
  start("--kubeconfig", "/none", "--objects", directory);
  await expect.poll(() => agent?.exitCode, WITHIN).toBe(2);
  expect(log).toContain("--objects and --kubeconfig are two sources of the same objects: give one");
});
