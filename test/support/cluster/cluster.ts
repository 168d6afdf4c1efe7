/** Brings test clusters up and down. */
import { join } from "node:path";
import { unpackDebian } from "../build/debian-programs.ts";
import { Authority } from "./certificates.ts";
import type { ClusterDirectory, ClusterRecord, ClusterSettings } from "./cluster-directory.ts";
import { startControlPlane } from "./control-plane.ts";
import type { Holder } from "./holder.ts";
import { writeNodeImages } from "./image-archive.ts";
import { startNode } from "./node.ts";
import { nodeName } from "./node-plan.ts";

/** A cold build of Kubernetes may be under way. */
const WAIT = 30 * 60_000;

const isSame = (a: ClusterSettings, b: ClusterSettings): boolean => a.release === b.release && a.nodes === b.nodes;

/** Adds a holder to what is recorded. */
function addHolder(directory: ClusterDirectory, name: string, holder: Holder): void {
  const record = directory.record();
  if (record !== undefined) directory.write({ ...record, nodeHolders: { ...record.nodeHolders, [name]: holder } });
}

/** Starts all nodes of a cluster whose control plane is up. */
async function startNodes(directory: ClusterDirectory, count: number): Promise<void> {
  const controlPlane = directory.record()?.controlPlane;
  if (controlPlane === undefined) throw new Error("the control plane has ended");
  const parts = {
    directory,
    pki: await Authority.in(directory.certificates),
    containerd: join(await unpackDebian("containerd"), "usr/bin"),
    images: await writeNodeImages(directory.file("images")),
  };
  const starts = Array.from({ length: count }, (_, index) =>
    startNode(parts, index + 1, controlPlane, (holder) => addHolder(directory, nodeName(index + 1), holder)),
  );
  // Each is waited for: what a failed start leaves is removed when no other goes on.
  const failed = (await Promise.allSettled(starts)).find(({ status }) => status === "rejected");
  if (failed?.status === "rejected") throw failed.reason;
}

/** Starts what a cluster is made of, and removes all of it where one part fails. */
async function start(directory: ClusterDirectory, settings: ClusterSettings): Promise<ClusterRecord> {
  await directory.remove();
  directory.make();
  try {
    await startControlPlane(directory, settings, ({ server, holder }) =>
      directory.write({ ...settings, server, controlPlane: holder, nodeHolders: {} }),
    );
    if (settings.nodes > 0) await startNodes(directory, settings.nodes);
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
