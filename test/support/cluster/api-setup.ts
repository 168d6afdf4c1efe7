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

/**
 * Brings the servers of all workers up at once, since each waits for much, and gives what takes them down. Of few files
 * as many are there as there are files.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const owner = identify(process.pid);
  if (owner === undefined) throw new Error("/proc does not show this process");
  const prefix = `api-${owner.pid}-`;
  await removeOrphans();
  const workers = Math.min(project.config.maxWorkers, project.vitest.state.getPaths().length);
  const names = Array.from({ length: workers }, (_, index) => `${prefix}${index + 1}`);
  const ups = await Promise.allSettled(names.map((name) => upApiServer(new ClusterDirectory(name), owner)));
  const failed = ups.find(({ status }) => status === "rejected");
  if (failed?.status === "rejected") {
    await down(prefix);
    throw failed.reason;
  }
  project.provide("apiServers", { prefix, owner });
  return () => down(prefix);
}
