import { basename, join } from "node:path";
import {
  endProcesses,
  type Exec,
  isAlive,
  type PodTraces,
  processesOfPod,
  removeGroup,
  removeTrees,
  waitUntil,
} from "@netbind/netns";
import { defined } from "@netbind/contract";
import { DamagedRecordError, isServiceUid, shutDownSidecars } from "@netbind/pod";
import { type LocalPodRecord, type LocalRecordFile, openRecord } from "../record/local-pod-record.ts";
import { domainName } from "../launcher/base-domain.ts";
import { launcherOf } from "../launcher/launcher-of.ts";
import { overlayDirectory } from "../launcher/container-disks.ts";
import { takeBackHostDisks } from "../launcher/host-disks.ts";
import { vmUserOf } from "../launcher/vm-user.ts";
import { withNodeLock } from "../node/lock-node.ts";
import { cniDel } from "../networks/cni.ts";
import { isNetns, netnsPath, removeNetns, removeNode } from "../node/node-netns.ts";
import { podGroup } from "./pod-groups.ts";
import { hookLocation } from "./sidecar-paths.ts";
import { type State, vmOfPod } from "../record/state.ts";
import { podDirectories, unmountWritable } from "./writable.ts";
import { stubbornVm } from "../errors.ts";

/** Asks the guest to end, as its power button does, and waits for it. */
async function askGuest(exec: Exec, record: LocalPodRecord, grace: number): Promise<void> {
  const launcher = launcherOf(exec, record);
  if (grace <= 0 || launcher.qemu() === undefined || !launcher.processes.every(isAlive)) return;
  const end = performance.now() + grace;
  // A guest that is still booting does not hear its power button: press it again.
  while (launcher.qemu() !== undefined && performance.now() < end) {
    await launcher.shutdown(domainName(record.vmi)).catch(() => undefined);
    await waitUntil(() => launcher.qemu() === undefined, Math.min(3000, end - performance.now()));
  }
}

async function shutDownRecordedSidecars(state: State, record: LocalPodRecord): Promise<void> {
  const sidecars = Object.entries(record.sidecars ?? {}).map(([binding, { container }]) => ({ binding, container }));
  try {
    await shutDownSidecars(hookLocation(state, record), sidecars);
  } catch {
    // A sidecar that does not answer is ended with the pod's other processes.
  }
}

/** By what a pod's processes are found without its record. */
const tracesOf = (state: State, id: string): PodTraces => ({
  netns: netnsPath(state.podNetns(id)),
  logs: podDirectories(state, id),
});

/** Ends what runs for a VM: what the record names, whatever else is in its pod's namespace, or on its way there. */
async function endAll(state: State, record: LocalPodRecord): Promise<void> {
  // What has a PID namespace ends with its first process, however much of it there is by then.
  const stubborn = await endProcesses(record.processes.flatMap(({ processes }) => processes).filter(isAlive));
  // What may have left its pod is still its user's, and no other VM has that user.
  const uid = isLastPod(state, record.id) ? record.vmUid : undefined;
  const isOthers = (other: number): boolean => isServiceUid(other) && other !== record.serviceUid;
  const traces = { ...tracesOf(state, record.id), netns: netnsPath(record.netns), uid, isOthers };
  const there = processesOfPod(defined(traces));
  const left = [...stubborn, ...(await endProcesses(there))];
  if (left.length > 0)
    throw stubbornVm(
      `${record.namespace}/${record.name}`,
      left.map(({ pid }) => pid),
    );
}

/** Takes the pod off its networks and removes it; the node too, where no VM is left. */
async function removePod(state: State, exec: Exec, record: LocalPodRecord): Promise<void> {
  await withNodeLock(state, () => detachPod(state, exec, record));
}

async function detachPod(state: State, exec: Exec, record: LocalPodRecord): Promise<void> {
  const node = netnsPath(state.nodeNetns);
  const pod = netnsPath(record.netns);
  const place = { exec, node, netns: isNetns(pod) ? pod : "" };
  for (const attachment of [...record.attachments].reverse()) await cniDel(place, attachment);
  await removeNetns(exec, record.netns);
  // Nothing of the VM runs any more. Its other pod has the same disks.
  if (isLastPod(state, record.id)) await takeBackHostDisks(exec, vmUserOf(record), record.hostDisks ?? []);
  // Only what has the pod's own name: a changed record leads nowhere else.
  if (record.cgroup !== undefined && basename(record.cgroup) === state.podNetns(record.id))
    await removeGroup(record.cgroup);
  await removeDirectory(state, exec, record.id);
  await removeIdleNode(state, exec);
}

/** True where a VM has no other pod than this one. */
const isLastPod = (state: State, id: string): boolean => state.podIds(vmOfPod(id)).every((other) => other === id);

/** Removes a pod's directory; before a VM's last one, the directory that its pods share. */
async function removeDirectory(state: State, exec: Exec, id: string): Promise<void> {
  const last = isLastPod(state, id);
  if (last) await unmountWritable(state, exec, id);
  const written = state.writable(id);
  const ofVm = last ? [written, state.migration(id), overlayDirectory(state, id)] : [join(written, id)];
  // The record goes last.
  await removeTrees(exec, [...ofVm, state.podDirectory(id)]);
}

/** Removes the node, with all that CNI plugins keep there, where no VM is left; the caller holds the node's lock. */
export async function removeIdleNode(state: State, exec: Exec): Promise<void> {
  if (state.vmIds().length > 0) return;
  await removeNode(exec, state);
  await removeTrees(exec, [state.node]);
}

/** Removes every pod of a VM, the one that a migration was to end in first. */
export async function teardownVm(state: State, exec: Exec, vm: string, grace: number): Promise<void> {
  for (const id of [...state.podIds(vm)].reverse()) await teardownPod(state, exec, id, grace);
}

/**
 * Removes a VM's pod from its record alone: asks the guest to end (for `grace` milliseconds), shuts the sidecars down,
 * ends every process, leaves the networks, removes namespace and files. Called again it goes on where it was stopped.
 */
export async function teardownPod(state: State, exec: Exec, id: string, grace: number): Promise<void> {
  const recordFile = openJournal(state, id);
  if (recordFile === undefined) return teardownUnrecorded(state, exec, id);
  try {
    recordFile.update({ phase: "stopping" });
  } catch {
    // A full disk must not keep what fills it: the record as it was says all that is needed.
  }
  const { record } = recordFile;
  await askGuest(exec, record, grace);
  await shutDownRecordedSidecars(state, record);
  await endAll(state, record);
  await removePod(state, exec, record);
}

/** A VM's record; undefined where there is none that can be read. */
function openJournal(state: State, id: string): LocalRecordFile | undefined {
  try {
    return openRecord(state.podDirectory(id));
  } catch (error) {
    if (error instanceof DamagedRecordError) return undefined;
    throw error;
  }
}

/**
 * Removes what has a VM's names. Without a record nothing was made, or all but the last of it is removed; where the
 * record is damaged, its pod's addresses stay taken until the node goes.
 */
async function teardownUnrecorded(state: State, exec: Exec, id: string): Promise<void> {
  await endProcesses(processesOfPod(tracesOf(state, id)));
  await removeNetns(exec, state.podNetns(id));
  const group = podGroup(state, id);
  if (group !== undefined) await removeGroup(group);
  await removeDirectory(state, exec, id);
}
