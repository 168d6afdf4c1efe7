/** The node agent as the chart has it: with its role, bound to its service account, as a DaemonSet. */
import { existsSync, readFileSync } from "node:fs";
import type { ApiServer } from "./api-server.ts";
import { componentOf, imageValues, NAMESPACE, noImages, renderChart } from "./chart.ts";
import type { InNode } from "./in-node.ts";
import { applyNetworkBindingCrd } from "./network-binding-crd.ts";

/** The agent's own default, which the chart keeps. */
export const AGENT_STATE = "/run/netbind-agent";
const IN_NAMESPACE = ["--namespace=netbind", "daemonset/netbind-agent"] as const;

/** The chart's namespace, which lets the agent's pods be privileged. */
const namespace = {
  ...{ apiVersion: "v1", kind: "Namespace" },
  metadata: { name: NAMESPACE, labels: { "pod-security.kubernetes.io/enforce": "privileged" } },
};

/** Installs the agent of an image, and waits until it runs on each node. */
export async function installAgent(api: ApiServer, image: string): Promise<void> {
  const objects = renderChart({ images: { ...noImages(), agent: imageValues(image) } });
  await applyNetworkBindingCrd(api);
  await api.apply(namespace, ...componentOf("agent", objects));
  await rolledOut(api);
}

/** Waits until the agent that was installed last runs, and is ready, on each node. */
export async function rolledOut(api: ApiServer): Promise<void> {
  await api.kubectl(["rollout", "status", ...IN_NAMESPACE, "--timeout=55s"]);
}

/** Updates the agent to another image, and waits until it runs on each node. */
export async function setAgentImage(api: ApiServer, image: string): Promise<void> {
  await api.kubectl(["set", "image", ...IN_NAMESPACE, `agent=${image}`]);
  await rolledOut(api);
}

/** What the agent's pods are made of, as far as tests change it. */
export interface AgentPodSpec {
  readonly hostPID?: boolean;
  readonly containers: readonly {
    readonly image: string;
    readonly args: readonly string[];
    readonly resources?: object;
    readonly securityContext: {
      readonly capabilities: { readonly drop: readonly string[]; readonly add: readonly string[] };
      readonly seccompProfile: { readonly type: string };
    };
    readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  }[];
  readonly volumes: readonly { readonly name: string; readonly hostPath: object }[];
}
interface DaemonSet {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly labels: object };
  readonly spec: {
    readonly selector: object;
    readonly template: { readonly metadata: object; readonly spec: AgentPodSpec };
  };
}
const DAEMON_SET = `/apis/apps/v1/namespaces/${NAMESPACE}/daemonsets/netbind-agent`;

/** What the agent's pods are made of now. */
export const agentSpec = async (api: ApiServer): Promise<AgentPodSpec> =>
  (await api.request<DaemonSet>({ path: DAEMON_SET })).spec.template.spec;

/** Removes the agent, and installs it with other pods. Does not wait for them: they may not be able to start. */
export async function replaceAgent(api: ApiServer, spec: AgentPodSpec): Promise<void> {
  const { metadata, spec: whole } = await api.request<DaemonSet>({ path: DAEMON_SET });
  await api.kubectl(["delete", ...IN_NAMESPACE, "--cascade=foreground", "--timeout=55s"]);
  const { name, namespace: where, labels } = metadata;
  await api.apply({
    ...{ apiVersion: "apps/v1", kind: "DaemonSet", metadata: { name, namespace: where, labels } },
    spec: { selector: whole.selector, template: { ...whole.template, spec } },
  });
}

/** What the agent has logged so far. */
export const agentLog = (api: ApiServer): Promise<string> => api.kubectl(["logs", ...IN_NAMESPACE]);

/** The lines in which the agent warns of something or fails. Nodes of tests have no control groups: that it says so is as it should be. */
export const agentWarnings = async (api: ApiServer): Promise<readonly string[]> =>
  (await agentLog(api))
    .split("\n")
    .filter((line) => /"level":[45]0/.test(line) && !line.includes("no unified control group hierarchy"));

interface AgentPods {
  readonly items: readonly {
    readonly status: { readonly containerStatuses?: readonly { readonly containerID?: string }[] };
  }[];
}
/** The first process of the agent on a node, as the node knows it. */
export async function agentProcess(api: ApiServer, node: InNode): Promise<string> {
  const { items } = await api.request<AgentPods>({ path: "/api/v1/namespaces/netbind/pods" });
  const ids = items.flatMap(({ status }) => status.containerStatuses?.map(({ containerID = "" }) => containerID) ?? []);
  const files = ids.map((id) =>
    node.path(`/run/containerd/io.containerd.runtime.v2.task/k8s.io/${id.replace("containerd://", "")}/init.pid`),
  );
  const [file] = files.filter((path) => existsSync(path));
  if (file === undefined) throw new Error("no agent runs on the node");
  return readFileSync(file, "utf8");
}

/** Sends the agent of a node a signal. The kubelet starts another one where that ends it. */
export async function signalAgent(api: ApiServer, node: InNode, signal: "STOP" | "CONT" | "KILL"): Promise<void> {
  await node.exec(["kill", "-s", signal, await agentProcess(api, node)]);
}
