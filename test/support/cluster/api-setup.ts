/** Vitest's global set-up of what needs an API server alone: one for all files, with KubeVirt's resources. */
import type { TestProject } from "vitest/node";
import { ApiServer } from "./api-server.ts";
import { downCluster, upOwnCluster } from "./cluster.ts";
import { ClusterDirectory } from "./cluster-directory.ts";
import { DEFAULT_RELEASE } from "./kubernetes.ts";
import { applyCrds } from "./kubevirt-crds.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** The name of the cluster: {@link useApiServer} takes it. */
    readonly cluster: string;
  }
}

/** Brings the server up, and gives what takes it down. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = new ClusterDirectory(`api-${process.pid}`);
  await upOwnCluster(directory, { release: DEFAULT_RELEASE, nodes: 0 });
  try {
    await applyCrds(new ApiServer(directory));
  } catch (error) {
    await downCluster(directory);
    throw error;
  }
  project.provide("cluster", directory.name);
  return () => downCluster(directory);
}
