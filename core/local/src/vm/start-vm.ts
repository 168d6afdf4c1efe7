import { defined } from "@netbind/contract";
import { isAlive, makeDirectory, type ProcessId, waitUntil } from "@netbind/netns";
import { PodRecordFile } from "@netbind/pod";
import { fetchContainerDisks, type FoundContainerDisks, makeOverlays } from "../launcher/container-disks.ts";
import { findHostDisks, grantHostDisks } from "../launcher/host-disks.ts";
import type { ImageCache } from "../images/image-cache.ts";
import { ensureImage } from "../launcher/image.ts";
import { findQemu } from "../launcher/launcher-of.ts";
import { vmUserOf } from "../launcher/vm-user.ts";
import { preparePod } from "../pod/make-pod.ts";
import { prepareSidecars } from "../pod/prepare-sidecars.ts";
import { teardownPod, teardownVm } from "../pod/teardown.ts";
import { withSidecarOutput } from "../record/kept-logs.ts";
import type { LocalRecordFile } from "../record/local-pod-record.ts";
import { takeVmLock } from "../record/lock.ts";
import { listPods, withUidLock } from "../record/pods.ts";
import { type State, vmId } from "../record/state.ts";
import { newRecord } from "./new-record.ts";
import { startGuest } from "./start-guest.ts";
import type { StartContext, StartedVm, StartRequest } from "./start-request.ts";
import { vmExists } from "../errors.ts";

/** Refuses a VM that is there, and removes what is left of one that is over. */
async function makeRoom(machine: StartContext, vm: string): Promise<void> {
  const { state, exec } = machine;
  if (state.podIds(vm).length === 0) return;
  const record = listPods(state, vm).find((one) => findQemu(one) !== undefined);
  if (record !== undefined) {
    throw vmExists(`${record.namespace}/${record.name}`, record);
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

const cacheOf = ({ state, exec, progress, authFile }: StartContext, { signal }: StartRequest): ImageCache =>
  defined({
    ...{ exec, cache: state.cache, progress, signal },
    auth: authFile === undefined ? undefined : { file: authFile },
  });

/** Fetches the VM's container disks: a pull may take long, and nothing of the VM is there meanwhile. */
async function fetchDisks(machine: StartContext, request: StartRequest): Promise<FoundContainerDisks> {
  const policy = { directories: request.hostDiskDirectories, own: machine.state.own };
  return fetchContainerDisks(cacheOf(machine, request), request.decision.vmi, { policy, data: request.data });
}

/** Makes the VM's own layers over its container disks. */
async function giveContainerDisks(
  machine: StartContext,
  recordFile: LocalRecordFile,
  { disks }: FoundContainerDisks,
): Promise<void> {
  if (disks.length === 0) return;
  recordFile.update({ containerDisks: disks });
  await makeOverlays(machine, recordFile.record.id, vmUserOf(recordFile.record), disks);
}

/**
 * Starts a VM: pod, network, sidecars, guest. Whatever fails, nothing of it is left.
 *
 * @throws VmExistsError where it runs already, BusyError where another process works on it
 */
export async function startVm(machine: StartContext, request: StartRequest): Promise<StartedVm> {
  const { state, exec, progress } = machine;
  const { vmi } = request.decision;
  const id = vmId(vmi.metadata.namespace, vmi.metadata.name);
  // What cannot be fetched leaves no directories, which gc would look through in vain.
  const image = await ensureImage(exec, state.cache, progress);
  const containerDisks = await fetchDisks(machine, request);
  const newSidecar = await prepareSidecars(cacheOf(machine, request), machine.sidecars, request.decision.bindings);
  state.prepare();
  await using _ = await takeVmLock(state, id, `VM ${vmi.metadata.namespace}/${vmi.metadata.name}`);
  await makeRoom(machine, id);
  const recordFile = await withUidLock(state, () => {
    const record = newRecord(state, vmi, request.source, request.decision);
    makeDirectory(state.podDirectory(id));
    return PodRecordFile.create(state.podDirectory(id), record);
  });
  try {
    await giveHostDisks(machine, recordFile, request);
    await giveContainerDisks(machine, recordFile, containerDisks);
    progress("making the pod: namespace, networks, sidecars");
    const made = await preparePod({ ...machine, newSidecar }, recordFile, request.decision, image);
    request.signal.throwIfAborted();
    const started = await startGuest({ machine, request, recordFile, made, image, containerDisks });
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
