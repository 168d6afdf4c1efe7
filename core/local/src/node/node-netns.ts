import { existsSync, statfsSync } from "node:fs";
import { inNetns, type Exec, withWritableSysctls } from "@netbind/netns";
import type { CniConfigList } from "@netbind/kubevirt/pod";
import type { State } from "../record/state.ts";

/** Where `ip netns` keeps a namespace. */
export const netnsPath = (name: string): string => `/run/netns/${name}`;

/** The kind of file system that a namespace's file is on (statfs(2)). */
const NSFS = 0x6e736673;

/** True for the path of a namespace. While one is made or removed, there is a file of its name that is none. */
export function isNetns(path: string): boolean {
  try {
    return statfsSync(path).type === NSFS;
  } catch {
    return false;
  }
}

/** Makes a namespace with its loopback up, if it is not there yet. */
export async function makeNetns(exec: Exec, name: string): Promise<void> {
  const path = netnsPath(name);
  const add = isNetns(path) ? "" : 'rm -f "$2" && ip netns add "$1" && ';
  await exec(["sh", "-c", `${add}exec ip -n "$1" link set lo up`, "netns", name, path]);
}

/** Removes a namespace; nothing where there is none. */
export async function removeNetns(exec: Exec, name: string): Promise<void> {
  if (existsSync(netnsPath(name))) await exec(["ip", "netns", "delete", name]);
}

/** Makes the namespace that plays the node: CNI plugins work in it, so nothing touches the machine's own network. */
export async function makeNode(exec: Exec, state: State): Promise<void> {
  await makeNetns(exec, state.nodeNetns);
  await inNetns(netnsPath(state.nodeNetns), exec)(withWritableSysctls(["sysctl", "-q", "-w", "net.ipv4.ip_forward=1"]));
}

/** The pod network of a machine without a cluster: a bridge on the node, with an address of each family for each pod. */
export const DEFAULT_POD_NETWORK: CniConfigList = {
  cniVersion: "1.0.0",
  name: "netbind-pods",
  plugins: [
    {
      type: "bridge",
      bridge: "cni0",
      isGateway: true,
      mtu: 1500,
      ipam: {
        type: "host-local",
        ranges: [[{ subnet: "10.244.0.0/24" }], [{ subnet: "fd10:244::/64" }]],
        routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
      },
    },
  ],
};
