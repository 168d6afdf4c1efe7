import { domainNics } from "@netbind/domain";
import { endSilence } from "@netbind/engine";
import { applyNetwork, inNetns, type Run, waitUntil } from "@netbind/netns";
import { Journal, type VmRecord } from "./journal.ts";
import { domainName } from "./launcher/base-domain.ts";
import { closeMeeting, hasMoved, refreshLink, resumeGuest } from "./launcher/live-migration.ts";
import { findQemu, launcherOf } from "./launcher/launcher-of.ts";
import { vmUserOf } from "./launcher/vm-user.ts";
import { netnsPath } from "./node-netns.ts";
import { listPods, migratingPods, type MigratingPods } from "./pods.ts";
import { retract } from "./retract.ts";
import type { State } from "./state.ts";
import { meetingDirectory } from "./writable.ts";

/** The places and tools that it takes. */
export interface SettleContext {
  readonly state: State;
  readonly run: Run;
}

const QEMU_DEADLINE = 10_000;

const runs = (record: VmRecord): boolean => findQemu(record) !== undefined;

/** The pod that a VM came from goes; the links that are to be refreshed are; the migration is over. */
export async function finishMigration({ state, run }: SettleContext, journal: Journal): Promise<void> {
  const { record } = journal;
  const { migration, vmi, netns } = record;
  const launcher = launcherOf(run, record);
  await waitUntil(() => launcher.qemu() !== undefined, QEMU_DEADLINE);
  const qemu = launcher.qemu();
  if (qemu !== undefined) journal.setProcesses("qemu", [qemu]);
  journal.update({ phase: "running" });
  const domain = domainName(vmi);
  const nics = domainNics(record.domainXml ?? "<domain/>").filter(({ name, linkDown }) => migration?.refresh.includes(name) && !linkDown);
  const refreshed = (async () => {
    for (const { mac } of nics) await refreshLink(launcher, domain, mac);
  })();
  await applyNetwork(inNetns(netnsPath(netns), run), endSilence());
  // The guest is here: what it left goes, whatever becomes of its links.
  const removed = migration === undefined ? undefined : retract(state, run, migration.source, 0);
  await Promise.allSettled([refreshed, removed]);
  await removed;
  await refreshed;
  journal.endMigration();
}

/** Takes a migration's target back, and sees that the guest runs on where it is. */
async function takeBack({ state, run }: SettleContext, { source, target }: MigratingPods): Promise<void> {
  await retract(state, run, target.id, 0);
  if (runs(source)) await resumeGuest(launcherOf(run, source), domainName(source.vmi));
}

/**
 * Ends a migration that did not come to its end: the VM is in one pod afterwards, the one that its guest runs in, and
 * nothing of the other is left. The caller holds the VM's lock. True where there was something to end.
 *
 * @throws LibvirtError where it cannot be seen where the guest is
 */
export async function settleMigration(context: SettleContext, vm: string): Promise<boolean> {
  const pods = listPods(context.state, vm);
  if (pods.every(({ migration }) => migration === undefined)) return settle(context, vm, pods);
  const [record] = pods;
  if (record === undefined) return settle(context, vm, pods);
  const meeting = { run: context.run, shared: meetingDirectory(context.state, record), user: vmUserOf(record) };
  await closeMeeting(meeting);
  try {
    return await settle(context, vm, pods);
  } finally {
    // A libvirt that was on its way may have made its socket meanwhile.
    await closeMeeting(meeting);
  }
}

async function settle(context: SettleContext, vm: string, pods: readonly VmRecord[]): Promise<boolean> {
  const { state, run } = context;
  const migrating = migratingPods(pods);
  if (migrating !== undefined) {
    const { source, target } = migrating;
    const moved =
      target.phase === "running" ||
      (target.phase === "starting" &&
        runs(target) &&
        (await hasMoved(launcherOf(run, source), launcherOf(run, target), domainName(target.vmi))));
    if (moved) await finishTarget(context, target.id);
    else await takeBack(context, migrating);
    return true;
  }
  const alone = pods.find(({ migration, phase }) => migration !== undefined && phase !== "stopping");
  if (alone !== undefined && runs(alone)) await finishTarget(context, alone.id);
  const unrecorded = pods.length > 0 ? state.podIds(vm).filter((id) => pods.every((pod) => pod.id !== id)) : [];
  for (const id of unrecorded) await retract(state, run, id, 0);
  return alone !== undefined || unrecorded.length > 0;
}

async function finishTarget(context: SettleContext, id: string): Promise<void> {
  const journal = Journal.open(context.state.vm(id));
  if (journal !== undefined) await finishMigration(context, journal);
}
