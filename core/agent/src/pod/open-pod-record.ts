import { defined } from "@netbind/contract";
import { endProcesses, orphansOf } from "@netbind/netns";
import type { KubePod, KubeVmi } from "@netbind/kube";
import { chooseUid, SERVICE_UIDS, servicesCgroup } from "@netbind/pod";
import { type AgentRecord, type AgentRecordFile, serviceTraces } from "./agent-record.ts";
import { decideAttached } from "./decide-attached.ts";
import { isSameNamespace } from "./pod-namespace.ts";
import type { PodWork } from "./pod-work.ts";
import { refuseViolations } from "./refuse-pod.ts";
import { teardownPod } from "./teardown-pod.ts";

const nameOf = ({ metadata: { namespace, name, uid } }: KubePod | KubeVmi): AgentRecord["pod"] => ({
  namespace,
  name,
  uid,
});

/** Records that a pod is about to be attached. */
async function createRecord(work: PodWork): Promise<AgentRecordFile> {
  const { state } = work.context;
  const { pod, vmi } = work.trusted;
  const { uid } = pod.metadata;
  const { nics } = decideAttached(work);
  const cgroup = await servicesCgroup(work.process, uid);
  return state.create(
    defined({
      version: 1,
      pod: nameOf(pod),
      vmi: nameOf(vmi),
      phase: "attaching",
      netns: work.netns.id,
      serviceUid: chooseUid(SERVICE_UIDS, uid, state.serviceUidsNear(uid)),
      bindings: Object.fromEntries(nics.map(({ spec, binding }) => [spec.name, binding])),
      nics: {},
      processes: [],
      cgroup,
    }),
  );
}

/**
 * Ends what an agent started and did not record any more: the same server twice would not serve. No name identifies it, for
 * the pod has processes of its own, but its output and its user do. All of the node's are looked at for that.
 */
async function endOrphans(recordFile: AgentRecordFile): Promise<void> {
  const recorded = recordFile.record.processes.flatMap(({ processes }) => processes);
  await endProcesses(orphansOf(serviceTraces(recordFile), recorded));
}

/**
 * Opens the pod's record; creates one where there is none, or where it is of a network namespace that the pod has no more.
 *
 * @throws PodRefusedError where the pod's bindings refuse it, NotReadyError where its network is not reported yet
 */
export async function openPodRecord(work: PodWork): Promise<AgentRecordFile> {
  const {
    context,
    trusted: { pod, vmi },
    served,
    netns,
  } = work;
  const { uid } = pod.metadata;
  const known = context.state.open(uid);
  if (known !== undefined && isSameNamespace(known.record.netns, netns.id)) {
    // Until this pass is through, an agent may have started something.
    if (!context.state.accounted.delete(uid)) await endOrphans(known);
    return known;
  }
  if (known !== undefined) await teardownPod(context.state, uid);
  // Asked once, before anything is made: a pod with a record was admitted.
  await refuseViolations(vmi, pod, served);
  return await createRecord(work);
}
