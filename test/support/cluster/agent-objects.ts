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
  await api.kubectl(["rollout", "status", ...IN_NAMESPACE, "--timeout=55s"]);
}

/** What the agent has logged so far. */
export const agentLog = (api: ApiServer): Promise<string> => api.kubectl(["logs", ...IN_NAMESPACE]);

interface AgentPods {
  readonly items: readonly {
    readonly status: { readonly containerStatuses?: readonly { readonly containerID?: string }[] };
  }[];
}
/** The first process of the agent on a node, as the node knows it. */
async function agentProcess(api: ApiServer, node: InNode): Promise<string> {
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
