import { type Binding, defined } from "@netbind/contract";
import { diffDomainNics } from "@netbind/domain";
import { type MigrationInputs, type PodDecision, refreshedNics, targetDecision } from "@netbind/engine";
import { makeDirectory, waitUntil } from "@netbind/netns";
import { expectedSidecars, HookManager, PodRecordFile } from "@netbind/pod";
import { hookLocation } from "../pod/sidecar-paths.ts";
import type { LocalPodRecord, LocalRecordFile } from "../record/local-pod-record.ts";
import { withSidecarOutput } from "../record/kept-logs.ts";
import { domainName, memoryBytes } from "../launcher/base-domain.ts";
import { consoleLocation } from "../vm/console-location.ts";
import { startConsole } from "../launcher/console.ts";
import { copyDisks } from "../launcher/made-disks.ts";
import { ensureImage, type Progress } from "../launcher/image.ts";
import { launcherOf } from "../launcher/launcher-of.ts";
import { downtimeOf, moveGuest } from "../launcher/live-migration.ts";
import { vmUserOf } from "../launcher/vm-user.ts";
import { takeVmLock } from "../record/lock.ts";
import { defineTargetDomain, type MadePod, type PodContext, preparePod } from "../pod/make-pod.ts";
import { findMigrationProblems, migrationInputs, networksAgain, runningVm } from "./migration-source.ts";
import { podGroup } from "../pod/pod-groups.ts";
import { findVm, freeServiceUid, listPods, withUidLock } from "../record/pods.ts";
import { finishMigration, recoverMigration } from "./recover-migration.ts";
import { type State, vmOfPod } from "../record/state.ts";
import { meetingDirectory } from "../pod/writable.ts";
import { MigrationRefusedError, MigrationUnsettledError, misfittingDomain } from "../errors.ts";

/** What a migration takes. */
export interface MigrationContext extends PodContext {
  readonly progress: Progress;
  /** This release's own bindings, for NICs that no sidecar of the VM's pod serves. */
  readonly bindings: ReadonlyMap<string, Binding>;
  /** Aborted where the person who asked does not want it any more: the VM stays where it is. */
  readonly signal: AbortSignal;
}

/** A VM in its next pod. */
export interface MigratedVm {
  readonly record: LocalPodRecord;
  /** The network namespace that it came from. */
  readonly from: string;
  /** Milliseconds in which the guest was paused, as libvirt reports. */
  readonly downtime?: number;
}

/** The record of the pod that a VM is to move to: what was decided and defined stays, what was made is made again. */
function targetRecord(state: State, source: LocalPodRecord, refresh: readonly string[]): LocalPodRecord {
  const id = state.nextPodId(vmOfPod(source.id));
  const { facts: _facts, attached: _attached, launcher: _launcher, cgroup: _cgroup, ...kept } = source;
  const cgroup = podGroup(state, id);
  return {
    ...kept,
    id,
    phase: "starting",
    netns: state.podNetns(id),
    serviceUid: freeServiceUid(state, id),
    attachments: [],
    nics: {},
    processes: [],
    migration: { source: source.id, refresh },
    ...defined({ cgroup }),
  };
}

/**
 * Asks the target's sidecars for its domain, as KubeVirt's launcher does there, and gives it up: the guest brings its own.
 * What that one's NICs are, the target's plan must have been made for.
 */
async function compareDomains(
  { state }: PodContext,
  record: LocalPodRecord,
  { vmi }: PodDecision,
  { nics, prepared }: MadePod,
): Promise<void> {
  await using hooks = await HookManager.collect(
    hookLocation(state, record),
    expectedSidecars(record.sidecars ?? {}, nics),
  );
  const own = await defineTargetDomain({ vmi, nics, disks: [], accelerator: prepared.accelerator }, hooks);
  const misfits = diffDomainNics(record.domainXml ?? own, own);
  if (misfits.length > 0) throw misfittingDomain(misfits);
}

/** Moves the guest into a pod that is ready for it; its console is read from the moment when there is one. */
async function receiveGuest(
  context: MigrationContext,
  source: LocalPodRecord,
  recordFile: LocalRecordFile,
  { launcher, directory }: MadePod["prepared"],
): Promise<void> {
  const { state, exec, signal } = context;
  const { vmi } = recordFile.record;
  const domain = domainName(vmi);
  let over = false;
  const moving = moveGuest({
    ...{ domain, source: launcherOf(exec, source), target: launcher, targetDirectory: directory },
    meeting: { exec, shared: meetingDirectory(state, source), user: vmUserOf(source) },
    ...{ memory: memoryBytes(vmi), signal },
  }).finally(() => {
    over = true;
  });
  const reading = (async () => {
    await waitUntil(() => over || launcher.qemu() !== undefined, Number.POSITIVE_INFINITY);
    if (launcher.qemu() !== undefined)
      recordFile.setProcesses("console", await startConsole(consoleLocation(state, recordFile.record)));
  })();
  await Promise.allSettled([moving, reading]);
  await moving;
  await reading;
}

/** Makes the target and moves the guest. Where it fails, it must be seen where the guest is. */
async function move(context: MigrationContext, source: LocalPodRecord, recordFile: LocalRecordFile): Promise<void> {
  const { state, exec, progress, signal } = context;
  const image = await ensureImage(exec, state.cache, progress);
  const decision = targetDecision(runningVm(source), networksAgain(source));
  progress(`making the target pod ${recordFile.record.netns}: namespace, networks, sidecars, libvirt`);
  const made = await preparePod(context, recordFile, decision, image);
  signal.throwIfAborted();
  await copyDisks(exec, vmUserOf(source), state.podDirectory(source.id), state.podDirectory(recordFile.record.id));
  await compareDomains(context, recordFile.record, decision, made);
  signal.throwIfAborted();
  progress("moving the guest");
  await receiveGuest(context, source, recordFile, made.prepared);
}

/** Refuses what cannot be migrated, before anything is begun. @throws MigrationRefusedError */
async function examine(
  { state, exec, bindings, signal }: MigrationContext,
  source: LocalPodRecord,
): Promise<MigrationInputs> {
  const facts = await migrationInputs(state, source, bindings);
  const problems = findMigrationProblems(launcherOf(exec, source), source, facts);
  if (problems.length > 0) throw new MigrationRefusedError(`${source.namespace}/${source.name}`, problems);
  await launcherOf(exec, source).ping(signal);
  return facts;
}

/**
 * Ends a migration that failed.
 *
 * @throws MigrationUnsettledError where that cannot be done either, for a libvirt does not say where the guest is
 */
async function rollBack(context: MigrationContext, source: LocalPodRecord, failure: Error): Promise<void> {
  const vm = vmOfPod(source.id);
  try {
    await recoverMigration(context, vm);
  } catch (error) {
    throw new MigrationUnsettledError(failure, error as Error, listPods(context.state, vm));
  }
}

/**
 * Moves a running VM to a second pod on this machine, live: the guest runs on, with its MAC addresses. What fails
 * half-way leaves the VM where it is, and nothing of the second pod.
 *
 * @throws VmNotFoundError, MigrationRefusedError, BusyError where another process works on the VM,
 * MigrationUnsettledError where a libvirt does not answer and something is left
 */
export async function migrateVm(context: MigrationContext, name: string): Promise<MigratedVm> {
  const { state, exec, signal } = context;
  const found = findVm(state, name);
  const vm = vmOfPod(found.id);
  await using _ = await takeVmLock(state, vm, `VM ${found.namespace}/${found.name}`);
  await recoverMigration(context, vm);
  const source = findVm(state, name);
  const facts = await examine(context, source);
  signal.throwIfAborted();
  const recordFile = await withUidLock(state, () => {
    const record = targetRecord(state, source, refreshedNics(source.vmi, facts));
    makeDirectory(state.podDirectory(record.id));
    return PodRecordFile.create(state.podDirectory(record.id), record);
  });
  try {
    await move(context, source, recordFile);
  } catch (thrown) {
    const error = withSidecarOutput(state, recordFile.record, thrown);
    await rollBack(context, source, error as Error);
    // A libvirt that could not say so may have moved it all the same.
    if (findVm(state, name).id !== recordFile.record.id) throw error;
    return { record: findVm(state, name), from: source.netns };
  }
  await finishMigration(context, recordFile);
  const downtime = await downtimeOf(launcherOf(exec, recordFile.record), domainName(source.vmi));
  return defined({ record: recordFile.record, from: source.netns, downtime });
}
