import { domainNics } from "@netbind/domain";
import { unmuteLinks } from "@netbind/engine";
import { applyNetwork, inNetns, type Exec, waitUntil } from "@netbind/netns";
import { type LocalPodRecord, type LocalRecordFile, openRecord } from "../record/local-pod-record.ts";
import { domainName } from "../launcher/base-domain.ts";
import { hasMoved, refreshLink, removeMigrationSockets, resumeGuest } from "../launcher/live-migration.ts";
import { findQemu, launcherOf } from "../launcher/launcher-of.ts";
import { vmUserOf } from "../launcher/vm-user.ts";
import { netnsPath } from "../node/node-netns.ts";
import { listPods, migratingPods, type MigratingPods } from "../record/pods.ts";
import { teardownPod } from "../pod/teardown.ts";
import type { State } from "../record/state.ts";
import { meetingDirectory } from "../pod/writable.ts";

/** The places and tools that it takes. */
export interface SettleContext {
  readonly state: State;
  readonly exec: Exec;
}

const QEMU_DEADLINE = 10_000;

const runs = (record: LocalPodRecord): boolean => findQemu(record) !== undefined;

/** The pod that a VM came from goes; the links that are to be refreshed are; the migration is over. */
export async function finishMigration({ state, exec }: SettleContext, recordFile: LocalRecordFile): Promise<void> {
  const { record } = recordFile;
  const { migration, vmi, netns } = record;
  const launcher = launcherOf(exec, record);
  await waitUntil(() => launcher.qemu() !== undefined, QEMU_DEADLINE);
  const qemu = launcher.qemu();
  if (qemu !== undefined) recordFile.setProcesses("qemu", [qemu]);
  recordFile.update({ phase: "running" });
  const domain = domainName(vmi);
  const nics = domainNics(record.domainXml ?? "<domain/>").filter(
    ({ name, linkDown }) => migration?.refresh.includes(name) && !linkDown,
  );
  const refreshed = (async () => {
    for (const { mac } of nics) await refreshLink(launcher, domain, mac);
  })();
  await applyNetwork(inNetns(netnsPath(netns), exec), unmuteLinks());
  // The guest is here: what it left goes, whatever becomes of its links.
  const removed = migration === undefined ? undefined : teardownPod(state, exec, migration.source, 0);
  await Promise.allSettled([refreshed, removed]);
  await removed;
  await refreshed;
  recordFile.update({ migration: undefined });
}

/** True where the guest is in its target. A libvirt there may still take it in: that no QEMU runs yet says nothing. */
async function hasArrived(exec: Exec, { source, target }: MigratingPods): Promise<boolean> {
  const launcher = launcherOf(exec, target);
  if (launcher.programs.libvirt() === undefined && launcher.qemu() === undefined) return false;
  return hasMoved(launcherOf(exec, source), launcher, domainName(target.vmi));
}

/** Takes a migration's target back, and sees that the guest runs on where it is. */
async function rollBackMigration({ state, exec }: SettleContext, { source, target }: MigratingPods): Promise<void> {
  await teardownPod(state, exec, target.id, 0);
  if (runs(source)) await resumeGuest(launcherOf(exec, source), domainName(source.vmi));
}

/**
 * Ends a migration that did not come to its end: the VM is in one pod afterwards, the one that its guest runs in, and
 * nothing of the other is left. The caller holds the VM's lock. True where there was something to end.
 *
 * @throws LibvirtError where it cannot be seen where the guest is
 */
export async function recoverMigration(context: SettleContext, vm: string): Promise<boolean> {
  const pods = listPods(context.state, vm);
  if (pods.every(({ migration }) => migration === undefined)) return settle(context, vm, pods);
  const [record] = pods;
  if (record === undefined) return settle(context, vm, pods);
  const meeting = { exec: context.exec, shared: meetingDirectory(context.state, record), user: vmUserOf(record) };
  await removeMigrationSockets(meeting);
  try {
    return await settle(context, vm, pods);
  } finally {
    // A libvirt that was on its way may have made its socket meanwhile.
    await removeMigrationSockets(meeting);
  }
}

async function settle(context: SettleContext, vm: string, pods: readonly LocalPodRecord[]): Promise<boolean> {
  const { state, exec } = context;
  const migrating = migratingPods(pods);
  if (migrating !== undefined) {
    const { target } = migrating;
    const moved = target.phase === "running" || (target.phase === "starting" && (await hasArrived(exec, migrating)));
    if (moved) await finishTarget(context, target.id);
    else await rollBackMigration(context, migrating);
    return true;
  }
  const alone = pods.find(({ migration, phase }) => migration !== undefined && phase !== "stopping");
  if (alone !== undefined && runs(alone)) await finishTarget(context, alone.id);
  const unrecorded = pods.length > 0 ? state.podIds(vm).filter((id) => pods.every((pod) => pod.id !== id)) : [];
  for (const id of unrecorded) await teardownPod(state, exec, id, 0);
  return alone !== undefined || unrecorded.length > 0;
}

async function finishTarget(context: SettleContext, id: string): Promise<void> {
  const recordFile = openRecord(context.state.podDirectory(id));
  if (recordFile !== undefined) await finishMigration(context, recordFile);
}
