export { type Cluster, type ClusterView, type KubeContainer, type KubePod, type KubeVmi, readObjects, type Unreadable } from "./cluster.ts";
export { FileCluster } from "./file-cluster.ts";
export { PodTasks, type Tried } from "./work-queue.ts";
