import { existsSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import {
  all,
  type Exec,
  exists,
  makeBareMounts,
  makeDirectory,
  readText,
  removeBareMounts,
  withWritableSysctls,
  writeText,
} from "@netbind/netns";
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

/** What a namespace is known by while it has its name: its number is the next one's once it is gone, the time of its birth is not. */
function identityOf(path: string): string {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? "none" : `${found.ino} ${found.ctimeNs}`;
}

/** Makes a namespace with its loopback up and a sysctl set (`KEY=VALUE`), as far as it is not so yet: by one child. */
export async function makeNetns(exec: Exec, name: string, setting?: string): Promise<void> {
  const path = netnsPath(name);
  const add = isNetns(path) ? "" : 'rm -f "$2" && ip netns add "$1" && ';
  const set = setting === undefined ? [] : ["nsenter", `--net=${path}`, "--", "sysctl", "-q", "-w", setting];
  const inside = set.length === 0 ? [] : withWritableSysctls(set);
  const script = `${add}ip -n "$1" link set lo up && shift 2 && { [ $# -eq 0 ] || exec "$@"; }`;
  await exec(["sh", "-c", script, "netns", name, path, ...inside]);
}

/** Removes a namespace; nothing where there is none. */
export async function removeNetns(exec: Exec, name: string): Promise<void> {
  if (existsSync(netnsPath(name))) await exec(["ip", "netns", "delete", name]);
}

/**
 * Makes the namespace that plays the node: CNI plugins work in it, so nothing touches the machine's own network. With it, the mounts
 * that pods' servers start from.
 */
export async function makeNode(exec: Exec, state: State): Promise<void> {
  const made = join(state.node, "made");
  const identity = (): string => identityOf(netnsPath(state.nodeNetns));
  // It is there for most pods. One that was made half, or by hand since, has not the identity that is kept once all is done.
  if (exists(made) && readText(made) === identity()) return;
  await all([makeNetns(exec, state.nodeNetns, "net.ipv4.ip_forward=1"), makeBareMounts(exec, state.mounts)]);
  makeDirectory(state.node);
  writeText(made, identity(), 0o600);
}

/** Removes what makes the node; its directory stays. */
export async function removeNode(exec: Exec, state: State): Promise<void> {
  await removeNetns(exec, state.nodeNetns);
  await removeBareMounts(exec, state.mounts);
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
