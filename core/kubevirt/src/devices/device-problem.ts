import type { PodNetworkRequest } from "../pod/pod-networks.ts";
import type { DeviceSettings } from "../referenced-data.ts";
import { findMacvtapResource, MACVTAP_RESOURCES, MACVTAP_SETTING } from "./macvtap-resources.ts";
import { findSriovResource, SRIOV_SETTING } from "./sriov-resources.ts";

/** A CNI plugin whose links are made of a device that a device plugin allocates. */
interface DevicePlugin {
  /** The key of its ConfigMap. */
  readonly setting: string;
  /** What its networks are called, and a resource of theirs. */
  readonly words: string;
  readonly example: string;
  /** @throws Error where the setting has no such resource */
  readonly find: (resource: string, settings: DeviceSettings) => unknown;
}

/** By the `type` of the CNI plugin. */
const DEVICE_PLUGINS: ReadonlyMap<string, DevicePlugin> = new Map([
  [
    "macvtap",
    { setting: MACVTAP_SETTING, words: "a macvtap", example: `${MACVTAP_RESOURCES}<name>`, find: findMacvtapResource },
  ],
  ["sriov", { setting: SRIOV_SETTING, words: "an sriov", example: "<prefix>/<name>", find: findSriovResource }],
]);

/** Why a network's link has no device that it is made of. */
export interface DeviceProblem {
  /** `unnamed`: its definition names no resource. `notOffered`: by its settings the device plugin has none of that name. */
  readonly kind: "unnamed" | "notOffered";
  /** A sentence about the network. */
  readonly problem: string;
  /** The key of the device plugin's settings that were looked at. */
  readonly setting: string;
}

/** What is in the way of the device that a network's link is made of; undefined where nothing is, or it takes none. */
export function deviceProblem(
  { config, resourceName = "" }: Pick<PodNetworkRequest, "config" | "resourceName">,
  settings: DeviceSettings,
): DeviceProblem | undefined {
  const plugin = config?.plugins.flatMap(({ type }) => DEVICE_PLUGINS.get(type) ?? [])[0];
  if (plugin === undefined) return undefined;
  const { setting, words, example, find } = plugin;
  if (resourceName === "") {
    const problem = `${words} network takes a device: annotate its definition with k8s.v1.cni.cncf.io/resourceName: ${example}`;
    return { kind: "unnamed", problem, setting };
  }
  try {
    find(resourceName, settings);
    return undefined;
  } catch (error) {
    return { kind: "notOffered", problem: (error as Error).message, setting };
  }
}
