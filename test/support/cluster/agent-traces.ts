/** What an agent keeps of pods on its node, and pods that go without ever having been booted. */
import { existsSync, readdirSync } from "node:fs";
import { AGENT_STATE } from "./agent-objects.ts";
import type { InNode } from "./in-node.ts";
import type { VmCluster } from "./vm-cluster.ts";

/** The UIDs of the pods that the agent of a node has a directory of. */
export function recordedPods(node: InNode): readonly string[] {
  const pods = node.path(`${AGENT_STATE}/pods`);
  return existsSync(pods) ? readdirSync(pods) : [];
}

/** Deletes the pod of a VM whose guest never started, at once, and then its VMI. */
export async function removeUnstarted({ api }: VmCluster, name: string): Promise<void> {
  const pods = `--selector=vm.kubevirt.io/name=${name}`;
  await api.kubectl(["delete", "pod", pods, "--force", "--grace-period=0"]);
  await api.kubectl(["patch", "vmi", name, "--type=merge", "-p", '{"metadata":{"finalizers":null}}']);
  await api.kubectl(["delete", "vmi", name, "--wait=false"]);
}
