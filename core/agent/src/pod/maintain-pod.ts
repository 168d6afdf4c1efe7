import { inNetns } from "@netbind/netns";
import { findNetworkDrift, findServiceDrift } from "@netbind/pod";
import type { AgentRecordFile } from "./agent-record.ts";
import { isShut } from "./is-shut.ts";
import type { KubeHost } from "./kube-host.ts";
import type { PodWork } from "./pod-work.ts";
import { sidecarOf } from "./sidecar-paths.ts";

/**
 * Repairs what differs from the record of a pod that is attached. No binding is asked for a plan.
 *
 * @returns what was repaired, a word for each: empty where the pod is as recorded
 */
export async function maintainPod(
  work: PodWork,
  recordFile: AgentRecordFile,
  host: KubeHost,
): Promise<readonly string[]> {
  const { exec, netns } = work;
  const repaired: string[] = [];
  for (const { nic, desired } of await findNetworkDrift(inNetns(netns.path, exec), recordFile.record)) {
    await host.network.apply(nic, desired);
    repaired.push(`network of NIC ${nic}`);
  }
  for (const { service } of findServiceDrift(recordFile.record)) {
    await host.network.startService(service);
    repaired.push(`service ${service.role}`);
  }
  for (const binding of new Set(Object.values(recordFile.record.bindings))) {
    if (!isShut(sidecarOf(work, binding))) continue;
    await host.attachSidecar(binding);
    repaired.push(`sidecar of ${binding}`);
  }
  return repaired;
}
