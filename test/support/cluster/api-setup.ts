/**
 * Vitest's global set-up of what needs an API server alone: one for each worker, with KubeVirt's resources. Files that run at
 * once have none in common, since NetworkBindings are the cluster's, and a test may stop its server.
 */
import { identify, type ProcessId } from "@netbind/netns";
import type { TestProject } from "vitest/node";
import { upApiServer } from "./api-workers.ts";
import { downCluster, removeOrphans } from "./cluster.ts";
import { ClusterDirectory } from "./cluster-directory.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** What the names of the workers' clusters begin with, and the process that they end with. */
    readonly apiServers: { readonly prefix: string; readonly owner: ProcessId };
  }
}

/** Takes down the servers of all workers. */
async function down(prefix: string): Promise<void> {
  const names = ClusterDirectory.list().filter((name) => name.startsWith(prefix));
  await Promise.all(names.map((name) => downCluster(new ClusterDirectory(name))));
}

/** Brings the first worker's server up, of which all may have to be built, and gives what takes down those of all workers. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const owner = identify(process.pid);
  if (owner === undefined) throw new Error("/proc does not show this process");
  const prefix = `api-${owner.pid}-`;
  await removeOrphans();
  await upApiServer(new ClusterDirectory(`${prefix}1`), owner);
  project.provide("apiServers", { prefix, owner });
  return () => down(prefix);
}
