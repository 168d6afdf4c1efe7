/** Brings test clusters up and down. */
import type { ClusterDirectory, ClusterRecord, ClusterSettings } from "./cluster-directory.ts";
import { startControlPlane } from "./control-plane.ts";

/** A cold build of Kubernetes may be under way. */
const WAIT = 30 * 60_000;

const isSame = (a: ClusterSettings, b: ClusterSettings): boolean => a.release === b.release && a.nodes === b.nodes;

/** Starts what a cluster is made of, and removes all of it where one part fails. */
async function start(directory: ClusterDirectory, settings: ClusterSettings): Promise<ClusterRecord> {
  await directory.remove();
  directory.make();
  try {
    await startControlPlane(directory, settings, (plane) =>
      directory.write({ ...settings, server: plane.server, holders: [plane.holder] }),
    );
  } catch (error) {
    const logs = `${directory.path}.failed`;
    await directory.remove(logs);
    throw new Error(`${(error as Error).message}\nits logs are in ${logs}`, { cause: error });
  }
  const record = directory.running();
  if (record === undefined) throw new Error(`the cluster "${directory.name}" ended as soon as it was up`);
  return record;
}

/**
 * Brings a cluster up, where it is not up yet.
 *
 * @throws Error where one of the name has other settings, or a part does not start
 */
export async function upCluster(directory: ClusterDirectory, settings: ClusterSettings): Promise<ClusterRecord> {
  await using _ = await directory.lock(WAIT);
  const running = directory.running();
  if (running === undefined) return start(directory, settings);
  if (isSame(running, settings)) return running;
  throw new Error(
    `the cluster "${directory.name}" is up with Kubernetes ${running.release} and ${running.nodes} nodes: ` +
      `take it down first (npm run cluster -- down --name ${directory.name})`,
  );
}

/** Takes a cluster down: nothing of it is left. One that is not there is down. */
export async function downCluster(directory: ClusterDirectory): Promise<void> {
  await using _ = await directory.lock(WAIT);
  await directory.remove();
  directory.removeLock();
}
