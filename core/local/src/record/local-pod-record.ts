import { type HostPodRecord, PodRecordFile } from "@netbind/pod";
import type { BindingRegistration, ResolvedBinding, Vmi } from "@netbind/kubevirt";
import type { CniConfigList } from "@netbind/kubevirt/pod";
import type { GrantsByBinding } from "@netbind/engine";
import { recordFieldsIn } from "./local-pod-record-checks.ts";
import type { LauncherContext } from "../launcher/launcher-processes.ts";
import type { ContainerDiskRecord } from "../launcher/container-disks.ts";
import type { HostDiskRecord } from "../launcher/host-disks.ts";
import type { AllocatedDevice, DeviceNode } from "../networks/emulated-plugin.ts";
import type { SidecarSpec } from "../pod/sidecar-files.ts";

/** One CNI attachment: recorded before ADD is called, so that DEL can be called whatever became of it. */
export interface CniAttachment {
  /** Logical name of the network. */
  readonly network: string;
  readonly ifname: string;
  readonly containerId: string;
  /** The network configuration list as it was used. */
  readonly config: CniConfigList;
  /** The runtime's arguments by name. */
  readonly args?: Readonly<Record<string, string>>;
  /** The MAC address that was asked for. */
  readonly mac?: string;
  /** What the first plugin of the list gets as `args.cni`. */
  readonly cniArgs?: Readonly<Record<string, string>>;
  readonly device?: AllocatedDevice;
  readonly result?: unknown;
  /** The device files that the launcher gets. */
  readonly nodes?: readonly DeviceNode[];
}

/** What a file system in memory may take. */
export interface WritableSize {
  readonly bytes: number;
  readonly inodes: number;
}

/** A migration that did not come to its end yet. */
export interface MigrationRecord {
  /** Identity of the pod that the VM comes from. */
  readonly source: string;
  /** NICs whose link goes down and up once the VM runs here. */
  readonly refresh: readonly string[];
}

/** Everything that was made for a VM's pod, and everything that was observed and decided on the way. */
export interface LocalPodRecord extends HostPodRecord {
  /** The pod's identity on this machine. */
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** The machine's user that the VM's processes run as, in every pod of it; absent in what an older netbind started. */
  readonly vmUid?: number;
  /** Where the VM's document came from: `vm.yaml:12`. */
  readonly source: string;
  readonly createdAt: string;
  readonly phase: "starting" | "running" | "stopping";
  readonly vmi: Vmi;
  readonly netns: string;
  readonly attachments: readonly CniAttachment[];
  /** The machine's own disks that the VM was given, each recorded before anything of it was changed. */
  readonly hostDisks?: readonly HostDiskRecord[];
  /** The container disks that the VM was given, each recorded before its own layer is made. */
  readonly containerDisks?: readonly ContainerDiskRecord[];
  /** The sidecar of each binding that has one. */
  readonly sidecars?: Readonly<Record<string, SidecarSpec>>;
  readonly domainXml?: string;
  /** The file system around what the VM's users may write, recorded before it is mounted; absent in what an older netbind started. */
  readonly writable?: WritableSize;
  /** Absent in what an older netbind recorded. */
  readonly launcher?: LauncherContext;
  /** A NIC that comes or goes while the VM runs: what is of it is neither whole nor gone. */
  readonly changing?: { readonly nic: string; readonly change: "attach" | "detach" };
  /** The bindings as they were resolved, and what the KubeVirt CR says of them: the VM's next pod is made from both. */
  readonly resolved?: readonly ResolvedBinding[];
  readonly registered?: Readonly<Record<string, BindingRegistration>>;
  /** What the administrator granted the VM's bindings beyond this release; absent: nothing. */
  readonly grants?: GrantsByBinding;
  /** In the record of a migration's target: until then the VM is where it comes from. */
  readonly migration?: MigrationRecord;
}

/** The record of a pod of this machine. */
export type LocalRecordFile = PodRecordFile<LocalPodRecord>;

/** Reads a pod's record; undefined where its directory has none. @throws DamagedRecordError */
export const openRecord = (directory: string): LocalRecordFile | undefined =>
  PodRecordFile.open(directory, recordFieldsIn(directory));
