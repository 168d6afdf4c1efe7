import { join } from "node:path";
import { defined } from "@netbind/contract";
import type { DeviceSettings } from "@netbind/kubevirt";
import { type CniConfigList, podHostname, type PodNetworkRequest } from "@netbind/kubevirt/pod";
import type { Exec } from "@netbind/netns";
import type { CniAttachment, LocalRecordFile } from "../record/local-pod-record.ts";
import { netnsPath } from "../node/node-netns.ts";
import { takenDevices } from "../record/taken-devices.ts";
import type { State } from "../record/state.ts";
import { cniAdd, cniDeviceNodes, type CniContext } from "./cni.ts";
import { hostPluginOf } from "./emulated-plugins.ts";
import { noAddress } from "../errors.ts";

/** What networks are attached with. */
export interface NetworkContext {
  readonly state: State;
  readonly exec: Exec;
  readonly recordFile: LocalRecordFile;
  /** The configuration of the pod network. */
  readonly podNetwork: CniConfigList;
  readonly settings: DeviceSettings;
}

/** True where the launcher must wait for a network: its device files are known only then. */
export const takesDevices = (networks: readonly PodNetworkRequest[]): boolean =>
  networks.some(({ config }) => config !== undefined && hostPluginOf(config) !== undefined);

/** The configuration as this node uses it: addresses are given out by the node's own book, which goes with the node. */
const onNode = (config: CniConfigList, state: State): CniConfigList => ({
  ...config,
  plugins: config.plugins.map((plugin) => {
    const ipam = plugin["ipam"] as Readonly<Record<string, unknown>> | undefined;
    return ipam?.["type"] === "host-local"
      ? { ...plugin, ipam: { dataDir: join(state.node, "ipam"), ...ipam } }
      : plugin;
  }),
});

/** What a kubelet's runtime and multus give a plugin about the pod. */
function podArgs({ recordFile }: NetworkContext, containerId: string): Readonly<Record<string, string>> {
  const { namespace, uid, vmi } = recordFile.record;
  return {
    K8S_POD_NAMESPACE: namespace,
    K8S_POD_NAME: podHostname(vmi),
    K8S_POD_INFRA_CONTAINER_ID: containerId,
    K8S_POD_UID: uid,
  };
}

/** The attachment of a request, with the device that was chosen for it. */
async function newAttachment(context: NetworkContext, request: PodNetworkRequest): Promise<CniAttachment> {
  const { state, exec, recordFile, podNetwork, settings } = context;
  const { network, ifname, mac, cniArgs, resourceName } = request;
  const config = onNode(request.config ?? podNetwork, state);
  const containerId = `netbind-${recordFile.record.id}`;
  const attachment = { network, ifname, containerId, config, args: podArgs(context, containerId) };
  const plugin = hostPluginOf(config);
  if (plugin === undefined || resourceName === undefined) {
    return { ...attachment, ...defined({ mac, cniArgs }) };
  }
  const taken = takenDevices(state, resourceName);
  const device = await plugin.allocate({
    exec,
    node: netnsPath(state.nodeNetns),
    resource: resourceName,
    settings,
    taken,
  });
  return { ...attachment, device, ...defined({ mac, cniArgs }) };
}

/** A network that replaces the pod network must return an address: otherwise the pod could not be reached. */
function refuseAddressless({ replacesPodNetwork, ifname }: PodNetworkRequest, { config, result }: CniAttachment): void {
  const addresses = (result as { readonly ips?: readonly unknown[] } | undefined)?.ips ?? [];
  if (!replacesPodNetwork || addresses.length > 0) return;
  throw noAddress(config.name, ifname);
}

/**
 * Attaches the pod to its networks, in order. Each attachment is in the journal before its plugin is called, so whatever
 * becomes of the call, it can be taken back. The caller holds the node's lock.
 */
export async function attachNetworks(context: NetworkContext, networks: readonly PodNetworkRequest[]): Promise<void> {
  const { state, exec, recordFile } = context;
  const place: CniContext = { exec, node: netnsPath(state.nodeNetns), netns: netnsPath(recordFile.record.netns) };
  for (const request of networks) {
    const before = recordFile.record.attachments;
    const attachment = await newAttachment(context, request);
    recordFile.update({ attachments: [...before, attachment] });
    const result = await cniAdd(place, attachment);
    const nodes = await cniDeviceNodes(place, attachment);
    const added: CniAttachment = { ...attachment, result, ...(nodes.length === 0 ? {} : { nodes }) };
    recordFile.update({ attachments: [...before, added] });
    refuseAddressless(request, added);
  }
}
