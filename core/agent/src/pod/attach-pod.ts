import { defined } from "@netbind/contract";
import { attachVmi } from "@netbind/engine";
import { HeldProcess, makeGroup, once, PodNetwork, type ProcessId, SERVICE_GROUP } from "@netbind/netns";
import { throwFailures } from "../binding/binding-failures.ts";
import { findServed, type FoundBindings } from "../binding/find-served.ts";
import { LAUNCHER_UID } from "../launcher-pods.ts";
import { noSidecarProcess, NotReadyError, PodProcessError } from "../errors.ts";
import type { AgentRecord, AgentRecordFile } from "./agent-record.ts";
import { decideAttached } from "./decide-attached.ts";
import { KubeHost } from "./kube-host.ts";
import { maintainPod } from "./maintain-pod.ts";
import { openPodRecord } from "./open-pod-record.ts";
import { readPodContext } from "./pod-context.ts";
import { isSameNamespace, PodNamespace } from "./pod-namespace.ts";
import { findPodProcess } from "./pod-process.ts";
import { migrationMismatches, omittedOptions, type PodWarning } from "./pod-warnings.ts";
import type { AgentContext, PodWork, TrustedPod } from "./pod-work.ts";
import { refuseViolations } from "./refuse-pod.ts";
import { progressOf } from "./sidecar-arrivals.ts";
import { computeSource, sidecarLocation, sidecarOf, sidecarSource } from "./sidecar-paths.ts";

/** What was done for a pod. */
export interface AttachOutcome {
  /** `taken-over`: an earlier agent attached it, and its record was enough. */
  readonly did: "attached" | "taken-over" | "nothing";
  /** NICs and servers that were not as recorded, and were put right. */
  readonly repaired: readonly string[];
  readonly nics: readonly string[];
  readonly warnings: readonly PodWarning[];
}

/** The record of a pod that is attached. */
function attachedRecord({ state }: AgentContext, uid: string): AgentRecord | undefined {
  const record = state.open(uid)?.record;
  return record?.phase === "attached" ? record : undefined;
}

/** What the bindings that answered say against a pod where others did not: nothing of one that was admitted before. */
async function refusalsOf(
  { state }: AgentContext,
  { pod, vmi }: TrustedPod,
  served: FoundBindings["served"],
): Promise<readonly unknown[]> {
  if (state.open(pod.metadata.uid) !== undefined) return [];
  return refuseViolations(vmi, pod, served).then(
    () => [],
    (error: unknown) => [error],
  );
}

/** The process of the container that has libvirt, and opens the taps. A pod's containers start in their order, and it is the first. */
async function computeOf({ kubelet }: AgentContext, uid: string): Promise<ProcessId | undefined> {
  try {
    return await findPodProcess({ source: computeSource(kubelet, uid), uid: LAUNCHER_UID, podUid: uid });
  } catch (error) {
    // Where it does not run any more, its pod is about to end.
    if (error instanceof NotReadyError || error instanceof PodProcessError) return undefined;
    throw error;
  }
}

/** True where the kernel has SELinux: then every process has a label. */
function hasSelinux(): boolean {
  using self = HeldProcess.open(process.pid);
  return self?.selinuxLabel !== undefined;
}

/** The SELinux label of a pod's launcher, which opens the pod's taps; undefined where the node has no SELinux. */
async function launcherLabel({ compute: find }: PodWork): Promise<string | undefined> {
  if (!hasSelinux()) return undefined;
  const compute = await find();
  using held = compute === undefined ? undefined : HeldProcess.of(compute);
  return held?.selinuxLabel;
}

/** The host of a pod that has its record. */
function hostOf(work: PodWork, recordFile: AgentRecordFile): KubeHost {
  const { exec, trusted, served, process, netns, compute } = work;
  const { pod, vmi } = trusted;
  const { directory, record } = recordFile;
  const owner = { uid: LAUNCHER_UID, gid: LAUNCHER_UID };
  if (record.cgroup !== undefined) makeGroup(record.cgroup, SERVICE_GROUP);
  return new KubeHost({
    recordFile,
    network: new PodNetwork({
      netns: netns.path,
      exec,
      recordFile,
      owner,
      directory,
      ...defined({ cgroup: record.cgroup }),
      tapLabel: () => launcherLabel(work),
    }),
    served,
    sidecarOf: (binding) => sidecarOf(work, binding),
    readContext: async () => readPodContext(pod, vmi, { sidecar: process, ...defined({ compute: await compute() }) }),
  });
}

/** Attaches a pod whose record is open, or repairs one that is attached. */
async function attachRecorded(work: PodWork, recordFile: AgentRecordFile): Promise<AttachOutcome> {
  const host = hostOf(work, recordFile);
  const nics = Object.keys(recordFile.record.bindings);
  if (recordFile.record.phase === "attached")
    return { did: "taken-over", repaired: await maintainPod(work, recordFile, host), nics, warnings: [] };
  const attached = await attachVmi(host, decideAttached(work));
  recordFile.update({ phase: "attached" });
  const warnings = [...omittedOptions(attached), ...migrationMismatches(work.trusted.vmi, work.served)];
  return { did: "attached", repaired: [], nics, warnings };
}

/** Attaches a pod that was found, or repairs one that is attached. */
async function attachFound(work: PodWork): Promise<AttachOutcome> {
  const recordFile = await openPodRecord(work);
  const outcome = await attachRecorded(work, recordFile);
  work.context.state.accounted.add(recordFile.record.pod.uid);
  return outcome;
}

/**
 * Attaches a pod whose agent may act on it, or goes on where the record ends. Each step is recorded before it is done.
 *
 * @throws NotReadyError where something of the pod is not there yet, PodRefusedError where its bindings refuse it, BindingError
 * of whatever failed, BindingFailuresError where several bindings failed or refuse it
 */
export async function attachPod(context: AgentContext, trusted: TrustedPod): Promise<AttachOutcome> {
  const { pod, sidecars } = trusted;
  const { uid } = pod.metadata;
  const { served, failures } = await findServed(context.bindings, sidecars);
  const recorded = attachedRecord(context, uid);
  const refuse = async (): Promise<void> =>
    throwFailures([...failures, ...(await refusalsOf(context, trusted, served))]);
  if (failures.length > 0 && recorded === undefined) await refuse();
  const known = new Set([...served.keys(), ...Object.values(recorded?.bindings ?? {})]);
  const [first] = sidecars.filter(({ binding }) => known.has(binding));
  if (first === undefined) return { did: "nothing", repaired: [], nics: [], warnings: [] };
  const location = sidecarLocation(context.kubelet, uid, first);
  // To look through all processes of a node costs most of a try.
  if (recorded === undefined && progressOf(location) === 0) throw noSidecarProcess();
  const traits = { source: sidecarSource(location), uid: LAUNCHER_UID, podUid: uid };
  // Asked for together, all pods' processes are looked at in one go. A pod that is attached needs no other.
  const compute = once(() => computeOf(context, uid));
  const [process] = await Promise.all([findPodProcess(traits), recorded === undefined ? compute() : undefined]);
  using netns = PodNamespace.open(process, traits, context.forbidden);
  // What is attached is kept by its record alone; a network that was made again has to be planned again.
  if (failures.length > 0 && (recorded === undefined || !isSameNamespace(recorded.netns, netns.id))) await refuse();
  return await attachFound({ context, exec: context.turn(), trusted, served, process, compute, netns });
}
