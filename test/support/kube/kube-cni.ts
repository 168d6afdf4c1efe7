/** The pod network of a node, through a real CNI plugin. */
import { inNetns, exec } from "@netbind/netns";

/** Which pod is attached, and where. */
export interface PodNetworkContext {
  /** Path of the node's network namespace: the pods' bridge is in it. */
  readonly node: string;
  /** The name of the pod's. */
  readonly netns: string;
  /** Where addresses that are taken are kept. */
  readonly dataDir: string;
  /** The name of a link beside `eth0`, on another network of the node's; absent for the pod network itself. */
  readonly ifname?: string;
}

/** Attaches a namespace to the node's bridge with the CNI plugin, as a container runtime does, or takes it off. Gives its answer. */
export async function callPodNetwork(
  command: "ADD" | "DEL",
  { node, netns, dataDir, ifname }: PodNetworkContext,
): Promise<string> {
  const [name, bridge, subnet, subnet6] =
    ifname === undefined
      ? ["lab", "cni0", "10.99.0.0/16", "fd99::/64"]
      : ["primary", "cni1", "10.98.0.0/16", "fd98::/64"];
  const conf = {
    cniVersion: "1.0.0",
    name,
    type: "bridge",
    bridge,
    isGateway: true,
    ipam: {
      type: "host-local",
      ranges: [[{ subnet }], [{ subnet: subnet6 }]],
      routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
      dataDir,
    },
  };
  const env = {
    CNI_COMMAND: command,
    CNI_CONTAINERID: netns,
    CNI_NETNS: `/run/netns/${netns}`,
    CNI_IFNAME: ifname ?? "eth0",
    CNI_PATH: "/usr/lib/cni",
  };
  return inNetns(node, exec)(["/usr/lib/cni/bridge"], { stdin: JSON.stringify(conf), env });
}
