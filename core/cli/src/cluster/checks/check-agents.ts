import type { ApiObject } from "@netbind/kube";
import type { ClusterFinding, ClusterNode } from "@netbind/view";
import { AGENT } from "../agent-events.ts";
import { type ClusterFacts, isAgents } from "../facts.ts";
import { conditionOf, objectAt, objectsAt, textAt, type Value } from "../fields.ts";
import { isError, isWarning, objectOf, someOf } from "../found.ts";
import { listed } from "../looks.ts";

const PULL_REASONS: readonly string[] = ["ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"];

/** A container that waits or has failed, and why. */
export interface StuckContainer {
  readonly name: string;
  readonly image: string;
  readonly reason: string;
  readonly message: string;
  /** True where its image cannot be pulled. */
  readonly isPull: boolean;
}

function stuckOf(status: Value): StuckContainer | undefined {
  const waiting = objectAt(status, "state", "waiting");
  const terminated = objectAt(status, "state", "terminated");
  const { exitCode } = terminated;
  const hasFailed = exitCode !== undefined && exitCode !== 0;
  const reason = textAt(waiting, "reason") || (hasFailed ? textAt(terminated, "reason") : "");
  // What every container waits for at first.
  if (reason === "" || reason === "ContainerCreating" || reason === "PodInitializing") return undefined;
  const code = hasFailed ? `exit code ${String(exitCode)}` : "";
  const message = textAt(waiting, "message") || textAt(terminated, "message") || code;
  const isPull = PULL_REASONS.includes(reason);
  return { name: textAt(status, "name"), image: textAt(status, "image"), reason, message, isPull };
}

/** The containers of a pod that do not start, or have failed. */
export const stuckContainers = (pod: unknown): readonly StuckContainer[] =>
  [...objectsAt(pod, "status", "initContainerStatuses"), ...objectsAt(pod, "status", "containerStatuses")].flatMap(
    (status) => stuckOf(status) ?? [],
  );

export const nodeOf = (pod: unknown): string => textAt(pod, "spec", "nodeName");
export const isReady = (pod: unknown): boolean =>
  textAt(pod, "status", "phase") === "Running" && conditionOf(pod, "Ready")?.["status"] === "True";

/** A node's agent in words: `ready`, or why not; empty where there is none. */
export function agentState(pod: ApiObject | undefined): string {
  if (pod === undefined) return "";
  const [stuck] = stuckContainers(pod);
  if (isReady(pod)) return "ready";
  return stuck?.reason ?? `not ready (${textAt(pod, "status", "phase") || "Unknown"})`;
}

/** An image without its registry and path, and with as much of its digest as tells it from others. */
export function versionOfImage(image: string): string {
  const [named = "", digest] = image.split("@sha256:");
  const last = named.slice(named.lastIndexOf("/") + 1);
  return digest === undefined ? last : `${last}@${digest.slice(0, 12)}`;
}

const imageOf = (pod: unknown): string => textAt(objectsAt(pod, "spec", "containers")[0], "image");

/** The nodes that run VMs, each with its agent. */
export function clusterNodes({ nodes, agents }: ClusterFacts): readonly ClusterNode[] {
  const byNode = new Map(listed(agents).map((pod) => [nodeOf(pod), pod]));
  return listed(nodes).map((name) => {
    const pod = byNode.get(name);
    return { name, agent: agentState(pod), version: versionOfImage(imageOf(pod)) };
  });
}

const podFinding = (pod: ApiObject): ClusterFinding => {
  const object = objectOf("Pod", pod);
  const pull = stuckContainers(pod).find(({ isPull }) => isPull);
  if (pull !== undefined)
    return isError("IMAGE_NOT_PULLED", {
      object,
      problem: `node ${JSON.stringify(nodeOf(pod))} cannot pull ${JSON.stringify(pull.image)} for the node agent: ${pull.reason}: ${pull.message}`,
      fix: "correct the image in the DaemonSet (or the chart's values), mirror it, or name a pull secret",
    });
  return isError("AGENT_NOT_READY", {
    object,
    problem: `the agent on node ${JSON.stringify(nodeOf(pod))} is not ready: ${agentState(pod)}`,
    fix: `see its log and its events: kubectl logs -n ${textAt(pod, "metadata", "namespace")} ${pod.metadata.name}; kubectl describe pod`,
  });
};

function checkNodes(facts: ClusterFacts, set: ApiObject | undefined): readonly ClusterFinding[] {
  const { agents } = facts;
  if ("unknown" in agents) return [];
  const served = new Set(listed(agents).map(nodeOf));
  const bare = clusterNodes(facts).filter(({ name }) => !served.has(name));
  const selector = set === undefined ? {} : objectAt(set, "spec", "template", "spec", "nodeSelector");
  const said = Object.entries(selector).map(([key, value]) => `${key}=${String(value)}`);
  const hint = said.length === 0 ? "" : ` (its node selector: ${said.join(", ")})`;
  return bare.map(({ name }) =>
    isError("AGENT_MISSING", {
      object: { kind: "Node", name },
      problem:
        "it runs VMs, and no node agent is on it: pods with Netbind's bindings wait there, and KubeVirt fails the VMs after three minutes",
      fix: `let the DaemonSet ${AGENT} run there: see its node selector and its tolerations against the node's labels and taints${hint}`,
    }),
  );
}

function checkSecurity(namespaces: readonly ApiObject[]): readonly ClusterFinding[] {
  const label = "pod-security.kubernetes.io/enforce";
  return namespaces.flatMap((namespace) => {
    const enforced = textAt(namespace, "metadata", "labels", label);
    if (enforced === "" || enforced === "privileged") return [];
    const { name } = namespace.metadata;
    return [
      isError("AGENT_POD_SECURITY", {
        object: { kind: "Namespace", name },
        field: `metadata.labels["${label}"]`,
        problem: `it enforces the Pod Security Standard "${enforced}", and the node agent is privileged: no pod of it can be made`,
        fix: `kubectl label --overwrite namespace ${name} ${label}=privileged`,
      }),
    ];
  });
}

function checkVersions(agents: readonly ApiObject[], set: ApiObject | undefined): readonly ClusterFinding[] {
  const versions = [...new Set(agents.map((pod) => versionOfImage(imageOf(pod))))].sort();
  if (versions.length < 2 || set === undefined) return [];
  return [
    isWarning("AGENT_VERSIONS", {
      object: objectOf("DaemonSet", set),
      problem: `its pods run ${versions.length} images: ${someOf(versions)}`,
      fix: `wait for its update: kubectl rollout status -n ${textAt(set, "metadata", "namespace")} daemonset/${AGENT}`,
    }),
  ];
}

/** The node agent on every node that runs VMs. */
export function checkAgents(facts: ClusterFacts): readonly ClusterFinding[] {
  const { agents, daemonSets, namespaces } = facts;
  const set = listed(daemonSets).find(isAgents);
  const pods = listed(agents);
  if (set === undefined && pods.length === 0 && "seen" in daemonSets && "seen" in agents)
    return [
      isError("AGENT_DAEMON_SET_MISSING", {
        object: { kind: "DaemonSet", name: AGENT },
        problem: "the cluster has no node agent: pods of VMs with Netbind's bindings are never attached",
        fix: "install Netbind's chart",
      }),
    ];
  return [
    ...checkSecurity(namespaces),
    ...checkNodes(facts, set),
    ...pods.filter((pod) => !isReady(pod)).map(podFinding),
    ...checkVersions(pods, set),
  ];
}
