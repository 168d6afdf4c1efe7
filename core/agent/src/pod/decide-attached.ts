import { decidePod, type NicsDecision } from "@netbind/engine";
import type { KubePod } from "@netbind/kube";
import { sanitizeVmi } from "@netbind/kubevirt/admission";
import { NETWORK_STATUS, type NetworkStatus, parseNetworkStatus } from "@netbind/kubevirt/pod";
import { missingNetwork } from "../errors.ts";
import type { PodWork } from "./pod-work.ts";

/**
 * What multus reports of the pod's links. It writes its report before the kubelet reports the pod's addresses, so a pod
 * that has none yet may be seen without the report.
 */
function statusesOf({ metadata, status }: KubePod): readonly NetworkStatus[] {
  const report = metadata.annotations?.[NETWORK_STATUS];
  if (report === undefined && status?.phase === "Pending" && (status.podIPs ?? []).length === 0) throw missingNetwork();
  return parseNetworkStatus(report);
}

/** Decides about the NICs of a pod that is to be attached. @throws NotReadyError where its network is not reported yet */
export const decideAttached = ({ trusted: { pod, vmi }, served }: PodWork): NicsDecision =>
  decidePod({ vmi: sanitizeVmi(vmi), statuses: statusesOf(pod), served });
