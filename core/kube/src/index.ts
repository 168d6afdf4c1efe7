export {
  type FieldPath,
  type Fields,
  fieldsAt,
  leavesOf,
  type ManagedFields,
  managersOf,
  withoutField,
} from "./apply/managed-fields.ts";
export { mergePatch } from "./apply/merge-patch.ts";
export { ApiClient, type ApiCall } from "./client/api-client.ts";
export type { ApiConnection, ApiCredentials } from "./client/connection.ts";
export { ApiError, ConnectionError, NamespaceTerminatingError } from "./client/errors.ts";
export { inClusterConnection, type PodSurroundings } from "./client/in-cluster.ts";
export { jsonLines } from "./client/json-lines.ts";
export { kubeconfigConnection, type KubeconfigContext, kubeconfigContext } from "./client/kubeconfig.ts";
export { listObjects, type ListRequest } from "./client/list-objects.ts";
export {
  CLUSTER_INSTANCETYPES,
  CLUSTER_PREFERENCES,
  DAEMON_SETS,
  DEPLOYMENTS,
  EVENTS,
  INSTANCETYPES,
  isObjectName,
  KUBEVIRTS,
  LEASES,
  MUTATING_WEBHOOKS,
  NETWORK_ATTACHMENT_DEFINITIONS,
  NETWORK_BINDINGS,
  type Place,
  PODS,
  PREFERENCES,
  type Resource,
  SECRETS,
  typeOf,
  VALIDATING_WEBHOOKS,
  type Verb,
  VMIS,
} from "./client/resource.ts";
export {
  type Cluster,
  type ClusterSnapshot,
  type KubeContainer,
  type KubeNetworkBinding,
  type KubePod,
  type KubeVmi,
  readObjects,
  type Unreadable,
} from "./cluster.ts";
export { type ApiEvent, type EventSource, type EventSubject, EventWriter } from "./events.ts";
export { FileCluster } from "./file-cluster.ts";
export { type ElectionParts, LeaderElection, type LeaseTiming } from "./lease/leader-election.ts";
export { Alarm } from "./program/alarm.ts";
export { type ListenAddress, ListenError, listenRefused, readListenAddress } from "./program/listen-address.ts";
export { ProblemReport } from "./program/problem-report.ts";
export { type Served, serveStatus, type StatusServer } from "./program/status-server.ts";
export { ApiCluster, type ApiClusterParts } from "./watch/api-cluster.ts";
export { backoff } from "./watch/backoff.ts";
export { pause } from "./watch/pause.ts";
export { readFields } from "./watch/read-fields.ts";
export { Reflector, type ReflectorParts, type ReflectorTiming } from "./watch/reflector.ts";
export { type ApiObject, readListPage, readWatchEvent, type WatchEvent } from "./watch/watch-event.ts";
export { WorkQueue, type Tried } from "./work-queue.ts";
