/** What virt-handler does to a node before any VM is there: labels, and the device plugin that gives pods /dev/net/tun. */
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { waitUntil } from "@netbind/netns";
import type { ApiServer } from "./api-server.ts";
import type { InNode } from "./in-node.ts";
import { nodeName } from "./node-plan.ts";

export const TUN_RESOURCE = "devices.kubevirt.io/tun";
/** What launcher pods select, without the models of processors, which do not concern networks. */
const LABELS = { "kubevirt.io/schedulable": "true", "machine-type.node.kubevirt.io/q35": "true" };

interface NodeObject {
  readonly status: { readonly allocatable: Readonly<Record<string, string>> };
}

/** Starts a device plugin of a node: a program of this directory, and its arguments, the resource first. */
export async function startDevicePlugin(
  api: ApiServer,
  node: number,
  inNode: InNode,
  [program, resource, from]: readonly [program: string, resource: string, from: string],
): Promise<void> {
  const file = fileURLToPath(new URL(program, import.meta.url));
  const plugin = inNode.spawn([process.execPath, "--conditions=@netbind/source", file, resource, from]);
  const ended = once(plugin, "exit").then(([code]) => {
    throw new Error(`the device plugin of ${resource} ended with ${code}`);
  });
  await Promise.race([once(plugin.stdout ?? plugin, "data"), ended]);
  ended.catch(() => undefined);
  // It goes on, and ends with the node.
  plugin.stdout?.destroy();
  plugin.unref();
  const path = `/api/v1/nodes/${nodeName(node)}`;
  const isAllocatable = async (): Promise<boolean> =>
    (await api.request<NodeObject>({ path })).status.allocatable[resource] !== undefined;
  if (!(await waitUntil(isAllocatable, 30_000))) throw new Error(`${nodeName(node)} offers no ${resource}`);
}

/** Makes a node one that launcher pods are scheduled to. */
export async function prepareNode(api: ApiServer, node: number, inNode: InNode): Promise<void> {
  const path = `/api/v1/nodes/${nodeName(node)}`;
  await api.request({ method: "PATCH", path, body: { metadata: { labels: LABELS } } });
  await startDevicePlugin(api, node, inNode, ["device-plugin-main.ts", TUN_RESOURCE, "/dev/net/tun"]);
}
