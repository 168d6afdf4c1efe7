import {
  ApiClient,
  ApiCluster,
  type Cluster,
  type EventSubject,
  EventWriter,
  FileCluster,
  inClusterConnection,
  kubeconfigConnection,
} from "@netbind/kube";
import type { AgentOptions } from "./agent-options.ts";
import type { PodEvent } from "./event-recorder.ts";

/** Where an agent learns of its cluster, and where it says what it did. */
export interface ClusterSource {
  readonly cluster: Cluster;
  /** Follows the cluster until it is stopped. Resolves once the cluster is known, or it is known why not. */
  begin(signal: AbortSignal): Promise<AsyncDisposable>;
  /** Records an event in the cluster, if there is one. Neither waits nor throws. */
  record(event: PodEvent): void;
}

/** Called with what is wrong with what the agent follows or writes; without a problem when that is over. */
export type OnProblem = (what: string, problem: string | undefined) => void;

const NAME = "netbind-agent";

function fileSource(directory: string): ClusterSource {
  return {
    cluster: new FileCluster(directory),
    begin: async () => ({ [Symbol.asyncDispose]: async () => undefined }),
    record: () => undefined,
  };
}

/** A pod's VMI where the agent trusts that it is, else the pod itself. */
function subjectOf({ pod, vmi }: PodEvent): EventSubject {
  const { namespace } = pod;
  return vmi === undefined
    ? { apiVersion: "v1", kind: "Pod", ...pod }
    : { apiVersion: "kubevirt.io/v1", kind: "VirtualMachineInstance", namespace, ...vmi };
}

function apiSource(client: ApiClient, node: string, onProblem: OnProblem): ClusterSource {
  const cluster = new ApiCluster({ client, node, onProblem });
  const writer = new EventWriter(client, {
    component: NAME,
    host: node,
    onProblem: (problem) => onProblem("events", problem),
  });
  return {
    cluster,
    begin: async (signal) => {
      const ran = cluster.run(signal);
      await cluster.settled(signal);
      const end = async (): Promise<void> => {
        await ran;
        await writer.end();
        client[Symbol.dispose]();
      };
      return { [Symbol.asyncDispose]: end };
    },
    record: (event) => {
      // Of a pod that is gone only the UID is known.
      if (event.pod.namespace === "") return;
      const { type, reason, message, hint } = event;
      writer.write({
        ...{ about: subjectOf(event), type, reason },
        message: hint === undefined ? message : `${message} (${hint})`,
      });
    },
  };
}

/** True for an agent that asks the API server as the service account of its pod. */
export const isInPod = ({ objects, kubeconfig }: AgentOptions): boolean =>
  objects === undefined && kubeconfig === undefined;

/** The source that the command line names: files, or the API server. @throws ConnectionError */
export function clusterSource({ objects, kubeconfig, node }: AgentOptions, onProblem: OnProblem): ClusterSource {
  if (objects !== undefined) return fileSource(objects);
  const connection = kubeconfig === undefined ? inClusterConnection() : kubeconfigConnection(kubeconfig);
  return apiSource(new ApiClient(connection), node, onProblem);
}
