export {
  type Cluster,
  type ClusterSnapshot,
  type KubeContainer,
  type KubePod,
  type KubeVmi,
  readObjects,
  type Unreadable,
} from "./cluster.ts";
export { FileCluster } from "./file-cluster.ts";
export { WorkQueue, type Tried } from "./work-queue.ts";
