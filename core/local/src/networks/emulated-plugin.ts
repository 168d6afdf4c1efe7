import type { DeviceSettings } from "@netbind/kubevirt";
import type { CniPluginConfig, PodNetworkRequest } from "@netbind/kubevirt/pod";
import type { Exec } from "@netbind/netns";

/** A device of the node that a pod's link is made of: what a device plugin's Allocate answers with. */
export interface AllocatedDevice {
  /** The resource that it is one of: `macvtap.network.kubevirt.io/eth0`. */
  readonly resource: string;
  /** Its name among the resource's devices; the CNI plugin gets it as `deviceID`. */
  readonly id: string;
  /** What the pod's containers receive about it. */
  readonly env?: Readonly<Record<string, string>>;
  /**
   * What multus reports of it (NPWG device information): then the device is the guest's as it is, and the pod has no
   * link.
   */
  readonly info?: { readonly type: string; readonly version: string; readonly pci: { readonly "pci-address": string } };
  /** What else the plugin must know again when it adds and deletes: text by a name of its own. */
  readonly facts?: Readonly<Record<string, string>>;
}

/** A device file of the launcher's: character devices only, owned by the VM's user. */
export interface DeviceNode {
  /** Where the launcher sees it, below /dev. */
  readonly path: string;
  readonly major: number;
  readonly minor: number;
}

/** What a device is chosen by. Nothing is made yet: the choice is recorded first. */
export interface AllocateRequest {
  readonly exec: Exec;
  /** Path of the node's namespace. */
  readonly node: string;
  readonly resource: string;
  readonly settings: DeviceSettings;
  /** Ids of the resource's devices that VMs have, this one's other links included, and of devices that are a guest's as they are. */
  readonly taken: readonly string[];
}

/** A plugin's call, as CNI makes it (CNI specification 1.0.0, section 2). */
export interface CniCall {
  readonly exec: Exec;
  /** Path of the node's namespace. */
  readonly node: string;
  /** Path of the pod's namespace; empty where it is gone. */
  readonly netns: string;
  readonly ifname: string;
  /** The plugin's configuration as it would read it on standard input: with `runtimeConfig`, `args`, `prevResult`. */
  readonly config: CniPluginConfig;
  /** The runtime's arguments (`CNI_ARGS`) by name. */
  readonly args: Readonly<Record<string, string>>;
  /** The device that was allocated to the link. */
  readonly device?: AllocatedDevice;
}

/**
 * A CNI plugin, and the device plugin that goes with it, which this host plays itself: on a cluster both are the node's. It
 * is called like any other of a list, by its `type`.
 */
export interface EmulatedCniPlugin {
  readonly type: string;
  /** What is in the way of an attachment, as far as it can be seen before anything starts, a sentence each. */
  check(request: PodNetworkRequest, settings: DeviceSettings): readonly string[];
  /** Chooses a free device. @throws Error where there is none */
  allocate(request: AllocateRequest): Promise<AllocatedDevice>;
  /** Makes the link. Gives the CNI result. */
  add(call: CniCall): Promise<unknown>;
  /** Takes it away, also where it is half made or gone. */
  del(call: CniCall): Promise<void>;
  /**
   * How what was added is not as it was set up, a sentence each. Absent: what the plugin makes is a link of the pod's, and
   * looked at as such. @throws Error where it cannot be seen
   */
  findDrift?(call: CniCall): Promise<readonly string[]>;
  /** Sets it up again. Changes nothing else. */
  repair?(call: CniCall): Promise<void>;
  /** The device files that the launcher must have for a link that was added. */
  deviceNodes(call: CniCall): Promise<readonly DeviceNode[]>;
}
