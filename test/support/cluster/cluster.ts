/** Brings test clusters up and down. */
import { join } from "node:path";
import { identify, type ProcessId } from "@netbind/netns";
import { unpackDebian } from "../build/debian-programs.ts";
import { Authority } from "./certificates.ts";
import { ClusterDirectory, type ClusterRecord, type ClusterSettings } from "./cluster-directory.ts";
import { startControlPlane } from "./control-plane.ts";
import { endHolders, type Holder } from "./holder.ts";
import { writeNodeImages } from "./image-archive.ts";
import { prepareMultus } from "./multus.ts";
import { startNode, unplugNode } from "./node.ts";
import { nodeName, type NodeParts } from "./node-plan.ts";

/** A cold build of Kubernetes may be under way. */
const WAIT = 30 * 60_000;

const isSame = (a: ClusterSettings, b: ClusterSettings): boolean =>
  a.release === b.release && a.nodes === b.nodes && (a.multus ?? false) === (b.multus ?? false);

/** Adds a holder to what is recorded. */
function addHolder(directory: ClusterDirectory, name: string, holder: Holder): void {
  const record = directory.record();
  if (record !== undefined) directory.write({ ...record, nodeHolders: { ...record.nodeHolders, [name]: holder } });
}

/** What the nodes of a cluster are made from. */
const partsOf = async (
  directory: ClusterDirectory,
  { release, multus = false }: ClusterSettings,
): Promise<NodeParts> => ({
  ...{ directory, multus, release },
  pki: await Authority.in(directory.certificates),
  containerd: join(await unpackDebian("containerd"), "usr/bin"),
  images: await writeNodeImages(directory.file("images")),
});

/** Starts all nodes of a cluster whose control plane is up. */
async function startNodes(directory: ClusterDirectory, settings: ClusterSettings): Promise<void> {
  const controlPlane = directory.record()?.controlPlane;
  if (controlPlane === undefined) throw new Error("the control plane has ended");
  const { nodes: count, multus = false } = settings;
  if (multus) await prepareMultus(directory, await Authority.in(directory.certificates));
  const parts = await partsOf(directory, settings);
  const starts = Array.from({ length: count }, (_, index) =>
    startNode(parts, index + 1, controlPlane, (holder) => addHolder(directory, nodeName(index + 1), holder)),
  );
  // Each is waited for: what a failed start leaves is removed when no other goes on.
  const failed = (await Promise.allSettled(starts)).find(({ status }) => status === "rejected");
  if (failed?.status === "rejected") throw failed.reason;
}

/** Starts what a cluster is made of, and removes all of it where one part fails. */
async function start(
  directory: ClusterDirectory,
  settings: ClusterSettings,
  owner?: ProcessId,
): Promise<ClusterRecord> {
  await directory.remove();
  directory.make(owner);
  try {
    await startControlPlane(directory, settings, ({ server, holder }) =>
      directory.write({ ...settings, server, controlPlane: holder, nodeHolders: {} }),
    );
    if (settings.nodes > 0) await startNodes(directory, settings);
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
 * Brings a cluster up, where it is not up yet. One that is an `owner`'s is an orphan once that process has ended.
 *
 * @throws Error where one of the name has other settings, or a part does not start
 */
export async function upCluster(
  directory: ClusterDirectory,
  settings: ClusterSettings,
  owner?: ProcessId,
): Promise<ClusterRecord> {
  await using _ = await directory.lock(WAIT);
  const running = directory.running();
  if (running === undefined) return start(directory, settings, owner);
  if (isSame(running, settings)) return running;
  throw new Error(
    `the cluster "${directory.name}" is up with Kubernetes ${running.release}, ${running.nodes} nodes and ` +
      `${running.multus === true ? "multus" : "no multus"}: take it down first (npm run cluster -- down --name ${directory.name})`,
  );
}

/**
 * Ends all that runs on a node, as a loss of power does, and starts the node again: its memory is gone with /run, its
 * disk stays as it was.
 */
export async function rebootNode(directory: ClusterDirectory, node: number): Promise<void> {
  await using _ = await directory.lock(WAIT);
  const record = directory.running();
  const holder = record?.nodeHolders[nodeName(node)];
  if (record === undefined || holder === undefined) throw new Error(`${nodeName(node)} does not run`);
  await endHolders([holder]);
  await unplugNode(record.controlPlane, node);
  const parts = await partsOf(directory, record);
  await startNode(parts, node, record.controlPlane, (next) => addHolder(directory, nodeName(node), next));
}

/** Takes a cluster down: nothing of it is left. One that is not there is down. */
export async function downCluster(directory: ClusterDirectory): Promise<void> {
  await using _ = await directory.lock(WAIT);
  await directory.remove();
  directory.removeLock();
}

/** Takes down the clusters whose owners have ended, as a run of tests that was killed leaves them. */
export async function removeOrphans(): Promise<void> {
  for (const name of ClusterDirectory.list()) {
    const directory = new ClusterDirectory(name);
    if (!directory.isOrphaned) continue;
    await using _ = await directory.lock(WAIT);
    // Another run may have taken it down meanwhile, and brought up its own.
    if (!directory.isOrphaned) continue;
    await directory.remove();
    directory.removeLock();
  }
}

/** Brings up a cluster that is this process' own, after those that other processes have left. */
export async function upOwnCluster(directory: ClusterDirectory, settings: ClusterSettings): Promise<ClusterRecord> {
  await removeOrphans();
  return upCluster(directory, settings, identify(process.pid));
}
