import { basename, join } from "node:path";
import type { Attachment } from "@netbind/contract";
import type { BindingRegistration, ResolvedBinding, Vmi } from "@netbind/kubevirt";
import type { CniConfigList } from "@netbind/kubevirt/pod";
import type { GrantsByBinding, PodContext } from "@netbind/engine";
import { exists, type NicRecord, type PodRecord, type PodRecordStore, type ProcessId, readText, writeAtomically } from "@netbind/netns";
import { damagedField } from "./local-pod-record-checks.ts";
import type { LauncherContext } from "../launcher/launcher-processes.ts";
import type { HostDiskRecord } from "../launcher/host-disks.ts";
import type { AllocatedDevice, DeviceNode } from "../networks/emulated-plugin.ts";
import type { SidecarSpec } from "../pod/sidecars.ts";
import type { WritableSize } from "../pod/writable.ts";

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

/** A migration that did not come to its end yet. */
export interface MigrationRecord {
  /** Identity of the pod that the VM comes from. */
  readonly source: string;
  /** NICs whose link goes down and up once the VM runs here. */
  readonly refresh: readonly string[];
}

/** Everything that was made for a VM's pod, and everything that was observed and decided on the way. */
export interface LocalPodRecord extends PodRecord {
  readonly version: 1;
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
  readonly facts?: PodContext;
  /** Binding of each NIC, by logical name. */
  readonly bindings: Readonly<Record<string, string>>;
  /** The machine's own disks that the VM was given, each recorded before anything of it was changed. */
  readonly hostDisks?: readonly HostDiskRecord[];
  /** The NICs as their sidecars were told of them. */
  readonly attached?: readonly Attachment[];
  /** The sidecar of each binding that has one. */
  readonly sidecars?: Readonly<Record<string, SidecarSpec>>;
  readonly domainXml?: string;
  /** The file system around what the VM's users may write, recorded before it is mounted; absent in what an older netbind started. */
  readonly writable?: WritableSize;
  /** The pod's control group; absent where this machine lets none be made. */
  readonly cgroup?: string;
  /** Absent in what an older netbind recorded. */
  readonly launcher?: LauncherContext;
  /** A NIC that comes or goes while the VM runs: what is of it is neither whole nor gone. */
  readonly changing?: { readonly nic: string; readonly change: "attach" | "detach" } | undefined;
  /** The bindings as they were resolved, and what the KubeVirt CR says of them: the VM's next pod is made from both. */
  readonly resolved?: readonly ResolvedBinding[];
  readonly registered?: Readonly<Record<string, BindingRegistration>>;
  /** What the administrator granted the VM's bindings beyond this release; absent: nothing. */
  readonly grants?: GrantsByBinding;
  /** In the record of a migration's target: until then the VM is where it comes from. */
  readonly migration?: MigrationRecord;
}

/** A record that this version cannot read. */
export class DamagedRecordError extends Error {
  override readonly name = "DamagedRecordError";
}

/** The record of one VM, on disk before anything that it speaks of is done. */
export class PodRecordFile implements PodRecordStore {
  readonly #file: string;
  #record: LocalPodRecord;

  private constructor(file: string, record: LocalPodRecord) {
    this.#file = file;
    this.#record = record;
  }

  static fileIn(directory: string): string {
    return join(directory, "record.json");
  }

  static create(directory: string, record: LocalPodRecord): PodRecordFile {
    const recordFile = new PodRecordFile(PodRecordFile.fileIn(directory), record);
    recordFile.#write();
    return recordFile;
  }

  /**
   * Reads a VM's record; undefined where its directory has none.
   *
   * @throws DamagedRecordError where it is damaged or of another version
   */
  static open(directory: string): PodRecordFile | undefined {
    const file = PodRecordFile.fileIn(directory);
    if (!exists(file)) return undefined;
    let record: LocalPodRecord;
    try {
      record = JSON.parse(readText(file)) as LocalPodRecord;
    } catch (error) {
      throw new DamagedRecordError(`${file} cannot be read: ${(error as Error).message}`, { cause: error });
    }
    const version: unknown = (record as Partial<LocalPodRecord> | null)?.version;
    if (version !== 1) throw new DamagedRecordError(`${file} is of version ${JSON.stringify(version)}, and this netbind reads version 1`);
    const damaged = damagedField(record) ?? (record.id === basename(directory) ? undefined : "id");
    if (damaged !== undefined) throw new DamagedRecordError(`${file} is damaged: "${damaged}" is not what it was written as`);
    return new PodRecordFile(file, record);
  }

  get record(): LocalPodRecord {
    return this.#record;
  }

  /** Changes the record and writes it before it returns. */
  update(change: Partial<Omit<LocalPodRecord, "version" | "id">>): void {
    this.#record = { ...this.#record, ...change };
    this.#write();
  }

  /** The migration that brought the VM here is over. */
  endMigration(): void {
    const { migration: _, ...rest } = this.#record;
    this.#record = rest;
    this.#write();
  }

  updateNic(name: string, change: NicRecord): void {
    this.update({ nics: { ...this.#record.nics, [name]: { ...this.#record.nics[name], ...change } } });
  }

  /** Adds processes of a role, or replaces those that the role had. */
  setProcesses(role: string, processes: readonly ProcessId[]): void {
    this.update({ processes: [...this.#record.processes.filter((entry) => entry.role !== role), { role, processes }] });
  }

  #write(): void {
    writeAtomically(this.#file, `${JSON.stringify(this.#record, null, 1)}\n`);
  }
}
