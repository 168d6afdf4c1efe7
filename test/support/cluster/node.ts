/** Starts a node of a test cluster: containerd, a kubelet and kube-proxy, in namespaces of their own. */
import { spawn } from "node:child_process";
import { mkdirSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { exec, inNetns } from "@netbind/netns";
import { API_PORT, CONTROL_PLANE, nodeAddress, podSubnet } from "./addresses.ts";
import { ApiServer } from "./api-server.ts";
import { heard } from "./heard.ts";
import { type Holder, holderOf, OWN_NAMESPACES } from "./holder.ts";
import { nodeName, type NodeParts, planNode } from "./node-plan.ts";

const INIT = fileURLToPath(new URL("node-init", import.meta.url));
const MAIN = fileURLToPath(new URL("node-main.ts", import.meta.url));
const READY_WITHIN = 120_000;

const netnsOf = ({ first }: Holder): string => `/proc/${first.pid}/ns/net`;

/** Joins a node to the control plane's network, and tells each where the other's pods are. */
async function joinNetworks(controlPlane: Holder, node: Holder, number: number): Promise<void> {
  const { ipv4, ipv6 } = nodeAddress(number);
  const pods = podSubnet(number);
  const link = nodeName(number);
  const batch = (holder: Holder, lines: readonly string[]): Promise<string> =>
    inNetns(netnsOf(holder), exec)(["ip", "-batch", "-"], { stdin: lines.join("\n") });
  await batch(controlPlane, [
    `link add ${link} type veth peer name eth0 netns ${node.first.pid}`,
    `link set ${link} master nodes up`,
    `route replace ${pods.ipv4} via ${ipv4}`,
    `route replace ${pods.ipv6} via ${ipv6}`,
  ]);
  await batch(node, [
    "link set lo up",
    `address add ${ipv4}/24 dev eth0`,
    `address add ${ipv6}/64 dev eth0 nodad`,
    "link set eth0 up",
    `route add default via ${CONTROL_PLANE.ipv4}`,
    `route add ::/0 via ${CONTROL_PLANE.ipv6}`,
  ]);
}

/** Removes what is left of a node that has ended from the control plane's network: the kernel takes a moment for it. */
export async function unplugNode(controlPlane: Holder, number: number): Promise<void> {
  const run = inNetns(netnsOf(controlPlane), exec);
  const links = JSON.parse(await run(["ip", "-json", "link", "show", "type", "veth"])) as readonly { ifname: string }[];
  if (links.some(({ ifname }) => ifname === nodeName(number))) await run(["ip", "link", "delete", nodeName(number)]);
}

/** Certifies a node's kubelet, as a client of the API server and as a server to it. */
async function certify({ directory, pki }: NodeParts, number: number): Promise<void> {
  const name = nodeName(number);
  const serves = [name, "localhost"].map((host) => `DNS:${host}`);
  serves.push(...["127.0.0.1", ...Object.values(nodeAddress(number))].map((address) => `IP:${address}`));
  await Promise.all([
    pki.issue(`kubelet-${name}`, { name: `system:node:${name}`, group: "system:nodes" }),
    pki.issue(`kubelet-server-${name}`, { name, serves }),
  ]);
  const server = `https://${CONTROL_PLANE.ipv4}:${API_PORT}`;
  pki.writeKubeconfig(directory.file(`kubelet-${name}.kubeconfig`), server, `kubelet-${name}`);
}

interface NodeObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** Waits until the API server has heard of a node that it is ready, and pods can be made: as a service account. */
async function awaitReady(api: ApiServer, name: string): Promise<void> {
  const until = Date.now() + READY_WITHIN;
  const account = "/api/v1/namespaces/default/serviceaccounts/default";
  for (;;) {
    const node = await api.request<NodeObject>({ path: `/api/v1/nodes/${name}` }).catch(() => undefined);
    const isReady = node?.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True");
    if (isReady === true && (await api.request({ path: account }).catch(() => undefined)) !== undefined) return;
    if (Date.now() > until) throw new Error(`${name} is not ready after ${READY_WITHIN / 1000} s`);
    await sleep(100);
  }
}

/**
 * Starts a node, and waits until it is ready. `onStart` records what holds it: with the starter, before that is done, it
 * ends.
 *
 * @throws Error where a program of it ends, or it is not ready in two minutes
 */
export async function startNode(
  parts: NodeParts,
  number: number,
  controlPlane: Holder,
  onStart: (holder: Holder) => void,
): Promise<void> {
  const { directory } = parts;
  const name = nodeName(number);
  mkdirSync(join(directory.logs, name), { recursive: true });
  await certify(parts, number);
  const plan = directory.file(`${name}.json`);
  writeFileSync(plan, JSON.stringify(planNode(parts, number)));
  const log = join(directory.logs, name, "node.log");
  const output = openSync(log, "a", 0o600);
  const [file = "", ...args] = [...OWN_NAMESPACES, INIT, directory.file(name), process.execPath, MAIN, plan];
  const child = spawn(file, args, { stdio: ["ignore", output, output, "ipc"], detached: true });
  try {
    await heard(child, name, log);
    const holder = holderOf(child.pid ?? 0);
    onStart(holder);
    await joinNetworks(controlPlane, holder, number);
    const started = heard(child, name, log);
    child.send("go");
    await started;
    await awaitReady(new ApiServer(directory), name);
  } finally {
    if (child.connected) child.disconnect();
    child.unref();
  }
}
