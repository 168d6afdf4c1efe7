import type { Plan, PodLink } from "@netbind/contract";
import type { NftJson, DesiredNetwork } from "@netbind/engine";
import type { ProcessId } from "../exec/process-directory.ts";

/** What is known of a NIC, in the order in which it became known. */
export interface NicRecord {
  readonly podLink?: PodLink;
  readonly plan?: Plan;
  readonly desired?: DesiredNetwork;
  readonly appliedTable?: readonly NftJson[];
}

/** A process that belongs to a VM's pod. */
export interface ProcessRecord {
  /** `libvirtd`, `qemu`, `console`, `dhcp4 default`, `sidecar masquerade`. */
  readonly role: string;
  readonly processes: readonly ProcessId[];
}

/** What every host's record has of a pod's network, wherever the pod is. */
export interface PodRecord {
  /** By logical name. */
  readonly nics: Readonly<Record<string, NicRecord>>;
  readonly processes: readonly ProcessRecord[];
  /** The machine's user that the VM's services run as. */
  readonly serviceUid: number;
}

/** The record of one pod: a change is on disk before it returns. */
export interface PodRecordStore {
  readonly record: PodRecord;
  updateNic(name: string, change: NicRecord): void;
  /** The same for what is found and not acted on before the next change: that one writes it too. */
  stageNic(name: string, change: NicRecord): void;
  /** Adds processes of a role, or replaces those that the role had. */
  setProcesses(role: string, processes: readonly ProcessId[]): void;
}
