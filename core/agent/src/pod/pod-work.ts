import type { Exec, ProcessId } from "@netbind/netns";
import type { KubeVmi } from "@netbind/kube";
import type { BindingRegistry, ServedBinding } from "../binding/binding-registry.ts";
import type { LauncherPod } from "../launcher-pods.ts";
import type { AgentState } from "./agent-record.ts";
import type { NamespaceId, PodNamespace } from "./pod-namespace.ts";

/** What the agent works with. */
export interface AgentContext {
  readonly state: AgentState;
  /** Begins the work on a pod: gives what runs its commands. Those of work that began earlier go first. */
  readonly turn: () => Exec;
  readonly bindings: BindingRegistry;
  /** The kubelet's directory: `/var/lib/kubelet`. */
  readonly kubelet: string;
  /** The network namespaces that do not belong to a pod: the node's, and the agent's own. */
  readonly forbidden: readonly NamespaceId[];
}

/** A pod that the agent may act on. */
export type TrustedPod = LauncherPod & { readonly vmi: KubeVmi };

/** A pod at work: trusted, asked about and found on the node. */
export interface PodWork {
  readonly context: AgentContext;
  readonly exec: Exec;
  readonly trusted: TrustedPod;
  /** The bindings of its sidecars that are served here, by registered name. */
  readonly served: ReadonlyMap<string, ServedBinding>;
  /** A process of one of its sidecars. */
  readonly process: ProcessId;
  /** Finds the process of the container that has libvirt, once; undefined where it does not run. */
  readonly compute: () => Promise<ProcessId | undefined>;
  /** Its network namespace, held open. */
  readonly netns: PodNamespace;
}
