import { randomUUID } from "node:crypto";
import { defined } from "@netbind/contract";
import { type AttachedNic, type Decision, serviceWarnings } from "@netbind/engine";
import type { ReferencedData, Vmi } from "@netbind/kubevirt";
import { isAlive, makeDirectory, type ProcessId, waitUntil } from "@netbind/netns";
import { expectedSidecars, HookManager, PodRecordFile, unchangedCloudInit } from "@netbind/pod";
import { graceOf } from "./grace.ts";
import { hookLocation } from "../pod/sidecar-paths.ts";
import type { SidecarRuntime } from "../pod/sidecar-files.ts";
import type { LocalPodRecord, LocalRecordFile } from "../record/local-pod-record.ts";
import { withSidecarOutput } from "../record/kept-logs.ts";
import { needsDemoGuest } from "../launcher/base-domain.ts";
import { consoleLocation } from "./console-location.ts";
import { startConsole } from "../launcher/console.ts";
import { ensureImage, type Image, type Progress } from "../launcher/image.ts";
import { findQemu } from "../launcher/launcher-of.ts";
import { findHostDisks, grantHostDisks } from "../launcher/host-disks.ts";
import { libvirtLog } from "../launcher/libvirt.ts";
import { prepareVolumes } from "../launcher/volumes.ts";
import { vmUserOf } from "../launcher/vm-user.ts";
import { takeVmLock } from "../record/lock.ts";
import { defineDomain, type MadePod, type PodContext, preparePod } from "../pod/make-pod.ts";
import { podGroup } from "../pod/pod-groups.ts";
import { freeServiceUid, freeVmUid, listPods, withUidLock } from "../record/pods.ts";
import { teardownPod, teardownVm } from "../pod/teardown.ts";
import { lastLines } from "../record/read-end.ts";
import { type State, vmId } from "../record/state.ts";
import { WRITABLE_SIZE } from "../pod/writable.ts";

/** The place that VMs are started in. */
export interface StartContext extends PodContext {
  readonly runtime: SidecarRuntime;
  readonly progress: Progress;
}

/** A VM to start. */
export interface StartRequest {
  readonly decision: Decision;
  /** Where its document came from: `vm.yaml:1`. */
  readonly source: string;
  readonly data: ReferencedData;
  /** Directories that disks of the machine's may be in. */
  readonly hostDiskDirectories: readonly string[];
  /** Aborted where the person who asked does not want it any more. */
  readonly signal: AbortSignal;
}

/** A VM that was started. */
export interface StartedVm {
  readonly id: string;
  readonly nics: readonly AttachedNic[];
  readonly warnings: readonly string[];
  readonly qemu: ProcessId;
}

/** The VM is there already. */
export class VmExistsError extends Error {
  override readonly name = "VmExistsError";
}

const QEMU_DEADLINE = 10_000;

/** The record of a VM before anything of it is made. */
export function newRecord(state: State, vmi: Vmi, source: string, decision: Decision): LocalPodRecord {
  const { namespace, name } = vmi.metadata;
  const id = vmId(namespace, name);
  const cgroup = podGroup(state, id);
  return defined({
    version: 1,
    id,
    namespace,
    name,
    uid: vmi.metadata.uid ?? randomUUID(),
    vmUid: freeVmUid(state, id),
    source,
    createdAt: new Date().toISOString(),
    phase: "starting",
    vmi,
    netns: state.podNetns(id),
    serviceUid: freeServiceUid(state, id),
    attachments: [],
    bindings: Object.fromEntries(decision.nics.map(({ spec, binding }) => [spec.name, binding])),
    nics: {},
    processes: [],
    resolved: decision.bindings,
    registered: decision.registered,
    grants: decision.grants,
    writable: WRITABLE_SIZE,
    cgroup,
  });
}

/** Refuses a VM that is there, and removes what is left of one that is over. */
async function makeRoom(machine: StartContext, vm: string): Promise<void> {
  const { state, exec } = machine;
  if (state.podIds(vm).length === 0) return;
  const record = listPods(state, vm).find((one) => findQemu(one) !== undefined);
  if (record !== undefined) {
    throw new VmExistsError(`VM ${record.namespace}/${record.name} runs already: started from ${record.source} at ${record.createdAt}`);
  }
  machine.progress("removing what an earlier start of this VM left");
  await teardownVm(state, exec, vm, 0);
}

/** Gives the VM its disks of the machine's: what is changed of them is in the record before. */
async function giveHostDisks(
  { state, exec }: StartContext,
  recordFile: LocalRecordFile,
  { decision, hostDiskDirectories }: StartRequest,
): Promise<void> {
  const policy = { directories: hostDiskDirectories, own: state.own };
  const user = vmUserOf(recordFile.record);
  const hostDisks = await findHostDisks(exec, decision.vmi, user, policy);
  if (hostDisks.length === 0) return;
  recordFile.update({ hostDisks });
  await grantHostDisks(exec, user, hostDisks);
}

/** Starts the guest in a pod whose NICs are attached and whose libvirt is up. */
async function startGuest(
  machine: StartContext,
  recordFile: LocalRecordFile,
  request: StartRequest,
  { nics, prepared: { launcher, accelerator, directory } }: MadePod,
  image: Image,
): Promise<StartedVm> {
  const { state, exec, progress } = machine;
  const { vmi } = request.decision;
  const { record } = recordFile;
  await using hooks = await HookManager.collect(hookLocation(state, record), expectedSidecars(record.sidecars ?? {}, nics));
  if (!(vmi.spec.volumes ?? []).some((volume) => "cloudInitNoCloud" in volume || "cloudInitConfigDrive" in volume))
    await hooks.preCloudInitIso(undefined, vmi);
  const volumes = await prepareVolumes({
    exec,
    image,
    vmi,
    user: vmUserOf(recordFile.record),
    hostDisks: recordFile.record.hostDisks ?? [],
    data: request.data,
    pod: state.podDirectory(recordFile.record.id),
    preCloudInitIso: async (data) => unchangedCloudInit(data, await hooks.preCloudInitIso(data, vmi)),
  });
  request.signal.throwIfAborted();
  const xml = await defineDomain({ vmi, nics, disks: volumes.disks, accelerator }, hooks);
  recordFile.update({ domainXml: xml });
  progress(`starting the guest (${accelerator === "kvm" ? "KVM" : "TCG: KVM cannot boot a guest on this machine"})`);
  const [console] = await Promise.all([startConsole(consoleLocation(state, recordFile.record)), launcher.create(xml, request.signal)]);
  recordFile.setProcesses("console", console);
  await waitUntil(() => launcher.qemu() !== undefined, QEMU_DEADLINE);
  const qemu = launcher.qemu();
  if (qemu === undefined) throw new Error(`QEMU ended at once: ${lastLines(libvirtLog(directory))}`);
  recordFile.setProcesses("qemu", [qemu]);
  const demo =
    needsDemoGuest(vmi, volumes.disks) && volumes.warnings.length > 0
      ? ["netbind cannot boot a disk of this VM: the demo guest boots instead"]
      : [];
  const omitted = nics.flatMap(({ attachment, plan }) => serviceWarnings(attachment.name, plan.services ?? []));
  return { id: recordFile.record.id, nics, warnings: [...volumes.warnings, ...demo, ...omitted, ...graceOf(vmi).warnings], qemu };
}

/**
 * Starts a VM: pod, network, sidecars, guest. Whatever fails, nothing of it is left.
 *
 * @throws VmExistsError where it runs already, BusyError where somebody works on it
 */
export async function startVm(machine: StartContext, request: StartRequest): Promise<StartedVm> {
  const { state, exec, progress } = machine;
  const { vmi } = request.decision;
  const id = vmId(vmi.metadata.namespace, vmi.metadata.name);
  state.prepare();
  const image = await ensureImage(exec, state.cache, progress);
  await using _ = await takeVmLock(state, id, `VM ${vmi.metadata.namespace}/${vmi.metadata.name}`);
  await makeRoom(machine, id);
  const recordFile = await withUidLock(state, () => {
    const record = newRecord(state, vmi, request.source, request.decision);
    makeDirectory(state.podDirectory(id));
    return PodRecordFile.create(state.podDirectory(id), record);
  });
  try {
    await giveHostDisks(machine, recordFile, request);
    progress("making the pod: namespace, networks, sidecars");
    const made = await preparePod(machine, recordFile, request.decision, image);
    request.signal.throwIfAborted();
    const started = await startGuest(machine, recordFile, request, made, image);
    request.signal.throwIfAborted();
    recordFile.update({ phase: "running" });
    return started;
  } catch (error) {
    const reported = withSidecarOutput(state, recordFile.record, error);
    await teardownPod(state, exec, id, 0);
    throw reported;
  }
}

/** Waits until a VM is over, in whatever pod it is by then. */
export async function waitForEnd(state: State, vm: string, signal: AbortSignal): Promise<void> {
  let qemu: ProcessId | undefined;
  const lives = (): boolean => {
    if (qemu !== undefined && isAlive(qemu)) return true;
    qemu = listPods(state, vm).flatMap((record) => findQemu(record) ?? [])[0];
    return qemu !== undefined;
  };
  await waitUntil(() => signal.aborted || !lives(), Number.POSITIVE_INFINITY, 200);
}
