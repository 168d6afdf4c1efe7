import { downCluster, upCluster } from "../support/cluster/cluster.ts";
import { ClusterDirectory } from "../support/cluster/cluster-directory.ts";
import { defaultRelease } from "../support/cluster/kubernetes.ts";

/** Measures in a cluster without nodes, which goes afterwards. */
export async function inControlPlane<T>(measure: (directory: ClusterDirectory) => Promise<T>): Promise<T> {
  const directory = new ClusterDirectory(`bench-${process.pid}`);
  await upCluster(directory, { release: defaultRelease(), nodes: 0 });
  try {
    return await measure(directory);
  } finally {
    await downCluster(directory);
  }
}
