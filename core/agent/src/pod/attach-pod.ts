import { defined } from "@netbind/contract";
import {
  type NicsDecision,
  type AttachedNic,
  attachVmi,
  decidePod,
  checkedPlanner,
  registrationConflicts,
  serviceWarnings,
} from "@netbind/engine";
import type { KubePod, KubeVmi } from "@netbind/kube";
import { sanitizeVmi } from "@netbind/kubevirt/admission";
import { NETWORK_STATUS, type NetworkStatus, parseNetworkStatus } from "@netbind/kubevirt/pod";
import { chooseUid, findNetworkDrift, findServiceDrift, SERVICE_UIDS, servicesCgroup } from "@netbind/pod";
import { endProcesses, type Exec, inNetns, makeGroup, orphansOfUser, PodNetwork, type ProcessId, SERVICE_GROUP } from "@netbind/netns";
import type { SidecarLocation } from "@netbind/remote/sidecar";
import { throwFailures } from "../binding/binding-failures.ts";
import type { BindingRegistry, ServedBinding } from "../binding/binding-registry.ts";
import type { AgentRecordFile, AgentState } from "./agent-record.ts";
import { KubeHost } from "./kube-host.ts";
import { LAUNCHER_UID, type LauncherPod, type PodSidecar } from "../launcher-pods.ts";
import { readPodContext } from "./pod-context.ts";
import { isSameNamespace, type NamespaceId, PodNamespace } from "./pod-namespace.ts";
import { isShut } from "./is-shut.ts";
import { computeSource, sidecarLocation, sidecarSource } from "./sidecar-paths.ts";
import { NotReadyError } from "../not-ready.ts";
import { findPodProcess, PodProcessError } from "./pod-process.ts";
import { refuseViolations } from "./refuse-pod.ts";
import { teardownPod } from "./teardown-pod.ts";

/** What the agent works with. */
export interface AgentContext {
  readonly state: AgentState;
  readonly exec: Exec;
  readonly bindings: BindingRegistry;
  /** The kubelet's directory: `/var/lib/kubelet`. */
  readonly kubelet: string;
  /** The network namespaces that are no pod's: the node's, and the agent's own. */
  readonly forbidden: readonly NamespaceId[];
}

/** A pod that the agent may act on. */
export type TrustedPod = LauncherPod & { readonly vmi: KubeVmi };

/** What was done for a pod. */
export interface AttachOutcome {
  /** `taken-over`: an earlier agent attached it, and its record was enough. */
  readonly did: "attached" | "taken-over" | "nothing";
  /** NICs and servers that were not as recorded, and were put right. */
  readonly repaired: readonly string[];
  readonly nics: readonly string[];
  readonly warnings: readonly PodWarning[];
}

/** What an administrator or the VM's author should know of a pod that is attached all the same. */
export interface PodWarning {
  /** What a guest is not told; or what its binding's registration says of a migration and the binding does not. */
  readonly reason: "OPTIONS_OMITTED" | "REGISTRATION_MISMATCH";
  readonly message: string;
  readonly hint?: string;
}

/** What came of looking for the bindings of a pod's sidecars. */
interface FoundBindings {
  /** Those that are served here and answered, by registered name. */
  readonly served: ReadonlyMap<string, ServedBinding>;
  /** What was thrown for each of the others that are served here, or are to be. */
  readonly failures: readonly unknown[];
}

/** A binding for a sidecar. Where KubeVirt writes the NIC, the guest has the pod link's MAC address, whatever its binding would do. */
const servedFor = ({ binding, onTap, registration }: PodSidecar, served: ServedBinding): ServedBinding => ({
  ...served,
  takesPodMac: served.takesPodMac || onTap,
  planner: checkedPlanner(binding, served.planner, onTap),
  ...defined({ registration }),
});

/** Looks for the bindings of a pod's sidecars. One that fails hides none of the others. */
async function findServed(bindings: BindingRegistry, sidecars: readonly PodSidecar[]): Promise<FoundBindings> {
  const found = await Promise.allSettled(
    sidecars.map(async (sidecar) => {
      const served = await bindings.find(sidecar.binding);
      return served === undefined ? undefined : ([sidecar.binding, servedFor(sidecar, served)] as const);
    }),
  );
  return {
    served: new Map(found.flatMap((one) => (one.status === "fulfilled" && one.value !== undefined ? [one.value] : []))),
    failures: found.flatMap((one): readonly unknown[] => (one.status === "rejected" ? [one.reason] : [])),
  };
}

/** What the bindings that answered say against a pod where others did not: nothing of one that was admitted before. */
async function refusalsOf({ state }: AgentContext, { pod, vmi }: TrustedPod, served: FoundBindings["served"]): Promise<readonly unknown[]> {
  if (state.open(pod.metadata.uid) !== undefined) return [];
  return refuseViolations(vmi, pod, served).then(
    () => [],
    (error: unknown) => [error],
  );
}

function newJournal(
  context: AgentContext,
  work: TrustedPod,
  decided: NicsDecision,
  netns: PodNamespace,
  process: ProcessId,
): AgentRecordFile {
  const { state } = context;
  const { pod, vmi } = work;
  const cgroup = servicesCgroup(process, pod.metadata.uid);
  return state.create(
    defined({
      version: 1,
      pod: { namespace: pod.metadata.namespace, name: pod.metadata.name, uid: pod.metadata.uid },
      vmi: { namespace: vmi.metadata.namespace, name: vmi.metadata.name, uid: vmi.metadata.uid },
      phase: "attaching",
      netns: netns.id,
      serviceUid: chooseUid(SERVICE_UIDS, pod.metadata.uid, state.serviceUids()),
      bindings: Object.fromEntries(decided.nics.map(({ spec, binding }) => [spec.name, binding])),
      nics: {},
      processes: [],
      cgroup,
    }),
  );
}

/** Puts right what differs from the record of a pod that is attached. Nobody is asked for a plan. */
async function maintain(
  { exec }: AgentContext,
  recordFile: AgentRecordFile,
  host: KubeHost,
  network: PodNetwork,
  netns: PodNamespace,
): Promise<readonly string[]> {
  const repaired: string[] = [];
  for (const { nic, desired } of await findNetworkDrift(inNetns(netns.path, exec), recordFile.record)) {
    await network.apply(nic, desired);
    repaired.push(`network of NIC ${nic}`);
  }
  await network.settled();
  for (const { service } of findServiceDrift(recordFile.record)) {
    await network.startService(service);
    repaired.push(`service ${service.role}`);
  }
  for (const binding of new Set(Object.values(recordFile.record.bindings))) {
    if (!isShut(host.placeOf(binding))) continue;
    await host.attachToSidecar(binding);
    repaired.push(`sidecar of ${binding}`);
  }
  return repaired;
}

/**
 * Attaches a pod whose agent may act on it, or goes on where the record ends. Each step is recorded before it is done.
 *
 * @throws NotReadyError where something of the pod is not there yet, PodRefusedError where its bindings refuse it, BindingError
 * of whatever failed, BindingFailuresError where several bindings failed or refuse it
 */
export async function attachPod(context: AgentContext, work: TrustedPod): Promise<AttachOutcome> {
  const { pod, vmi, sidecars } = work;
  const { uid } = pod.metadata;
  const { served, failures } = await findServed(context.bindings, sidecars);
  if (failures.length > 0) throwFailures([...failures, ...(await refusalsOf(context, work, served))]);
  const [first] = sidecars.filter(({ binding }) => served.has(binding));
  if (first === undefined) return { did: "nothing", repaired: [], nics: [], warnings: [] };
  const traits = { source: sidecarSource(sidecarLocation(context.kubelet, uid, first)), uid: LAUNCHER_UID, podUid: uid };
  const process = await findPodProcess(traits);
  using netns = PodNamespace.open(process, traits, context.forbidden);
  const recordFile = await openJournal(context, work, served, netns, process);
  const { directory, record } = recordFile;
  if (record.cgroup !== undefined) makeGroup(record.cgroup, SERVICE_GROUP);
  const network = new PodNetwork(
    defined({
      netns: netns.path,
      exec: context.exec,
      recordFile,
      owner: { uid: LAUNCHER_UID, gid: LAUNCHER_UID },
      directory,
      cgroup: record.cgroup,
    }),
  );
  const host = new KubeHost({
    recordFile,
    network,
    bindings: context.bindings,
    served,
    place: (binding) => placeOf(context, uid, sidecars, binding),
    readFacts: async () => readPodContext(pod, vmi, { sidecar: process, ...(await computeOf(context, uid)) }),
  });
  const nics = Object.keys(record.bindings);
  if (record.phase === "attached")
    return { did: "taken-over", repaired: await maintain(context, recordFile, host, network, netns), nics, warnings: [] };
  const attached = await attachVmi(host, decide(work, served));
  await network.settled();
  recordFile.update({ phase: "attached" });
  return { did: "attached", repaired: [], nics, warnings: [...omittedOptions(attached), ...mismatches(work.vmi, served)] };
}

const omittedOptions = (attached: readonly AttachedNic[]): readonly PodWarning[] =>
  attached
    .flatMap(({ attachment, plan }) => serviceWarnings(attachment.name, plan.services ?? []))
    .map((message) => ({ reason: "OPTIONS_OMITTED", message }));

/** The VM runs well until it is migrated, or cannot be: that is told before. */
const mismatches = (vmi: KubeVmi, served: ReadonlyMap<string, ServedBinding>): readonly PodWarning[] =>
  registrationConflicts(vmi, served).migration.map(({ field, problem, fix }) => ({
    reason: "REGISTRATION_MISMATCH",
    message: `${field}: ${problem}`,
    hint: fix,
  }));

/** The process of the container that has libvirt. A pod's containers start in their order, and it is the first. */
async function computeOf({ kubelet }: AgentContext, uid: string): Promise<{ readonly compute?: ProcessId }> {
  try {
    return { compute: await findPodProcess({ source: computeSource(kubelet, uid), uid: LAUNCHER_UID, podUid: uid }) };
  } catch (error) {
    // It only tells which libvirt there is; where it does not run any more, its pod is about to end.
    if (error instanceof NotReadyError || error instanceof PodProcessError) return {};
    throw error;
  }
}

function placeOf({ kubelet }: AgentContext, uid: string, sidecars: readonly PodSidecar[], binding: string): SidecarLocation {
  const sidecar = sidecars.find((one) => one.binding === binding);
  if (sidecar === undefined) throw new Error(`the pod has no sidecar of binding "${binding}"`);
  return sidecarLocation(kubelet, uid, sidecar);
}

/**
 * What multus reports of the pod's links. It writes its report before the kubelet tells of the pod's addresses, so a pod
 * that has none yet may be seen without the report.
 */
function statusesOf({ metadata, status }: KubePod): readonly NetworkStatus[] {
  const report = metadata.annotations?.[NETWORK_STATUS];
  if (report === undefined && status?.phase === "Pending" && (status.podIPs ?? []).length === 0)
    throw new NotReadyError("multus does not report the pod's network yet", "network");
  return parseNetworkStatus(report);
}

const decide = ({ pod, vmi }: TrustedPod, served: ReadonlyMap<string, ServedBinding>): NicsDecision =>
  decidePod({ vmi: sanitizeVmi(vmi), statuses: statusesOf(pod), served });

/** The pod's record; a new one where there is none, or where it is of a network namespace that the pod has no more. */
async function openJournal(
  context: AgentContext,
  work: TrustedPod,
  served: ReadonlyMap<string, ServedBinding>,
  netns: PodNamespace,
  process: ProcessId,
): Promise<AgentRecordFile> {
  const { uid } = work.pod.metadata;
  const known = context.state.open(uid);
  if (known !== undefined && isSameNamespace(known.record.netns, netns.id)) {
    // What an agent started and did not record any more: the same server twice would serve nobody. No name tells it, for
    // the pod has processes of its own, but its user does.
    const recorded = known.record.processes.flatMap(({ processes }) => processes);
    await endProcesses(orphansOfUser(known.record.serviceUid, recorded));
    return known;
  }
  if (known !== undefined) await teardownPod(context.state, uid);
  // Asked once, before anything is made: a pod with a record was admitted.
  await refuseViolations(work.vmi, work.pod, served);
  return newJournal(context, work, decide(work, served), netns, process);
}
