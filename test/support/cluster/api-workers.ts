/** The API servers of the tier `api`: one for each worker that runs its files. */
import { existsSync, writeFileSync } from "node:fs";
import type { ProcessId } from "@netbind/netns";
import { ApiServer } from "./api-server.ts";
import { downCluster, upCluster } from "./cluster.ts";
import type { ClusterDirectory } from "./cluster-directory.ts";
import { defaultRelease } from "./kubernetes.ts";
import { applyCrds } from "./kubevirt-crds.ts";

/** Brings a server up with KubeVirt's resources, until `owner` takes it down; one that is up stays as it is. */
export async function upApiServer(directory: ClusterDirectory, owner: ProcessId): Promise<void> {
  const ready = directory.file("resources-applied");
  if (directory.running() !== undefined && existsSync(ready)) return;
  await upCluster(directory, { release: defaultRelease(), nodes: 0 }, owner);
  try {
    await applyCrds(new ApiServer(directory));
    writeFileSync(ready, "");
  } catch (error) {
    await downCluster(directory);
    throw error;
  }
}
