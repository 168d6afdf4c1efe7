import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Attachment, Plan, PodLink } from "@netbind/contract";
import type { NftJson, PodFacts, Vmi, WantedNetwork } from "@netbind/engine";
import type { ProcessId } from "@netbind/netns";
import { damagedField } from "./journal-shape.ts";
import type { SidecarSpec } from "./sidecars.ts";

/** One CNI attachment: recorded before ADD is called, so that DEL can be called whatever became of it. */
export interface CniAttachment {
  /** Logical name of the network. */
  readonly network: string;
  readonly ifname: string;
  readonly containerId: string;
  /** The network configuration list as it was used. */
  readonly config: CniConfigList;
  readonly result?: unknown;
}

/** A CNI network configuration list. */
export interface CniConfigList {
  readonly cniVersion: string;
  readonly name: string;
  readonly plugins: readonly (Readonly<Record<string, unknown>> & { readonly type: string })[];
}

/** What is known of a NIC, in the order in which it became known. */
export interface NicRecord {
  readonly before?: PodLink;
  readonly plan?: Plan;
  readonly wanted?: WantedNetwork;
  readonly afterImage?: readonly NftJson[];
}

/** A process that belongs to the VM. */
export interface ProcessRecord {
  /** `libvirtd`, `qemu`, `console`, `dhcp4 default`, `sidecar masquerade`. */
  readonly role: string;
  readonly processes: readonly ProcessId[];
}

/** Everything that was made for a VM, and everything that was observed and decided on the way. */
export interface VmRecord {
  readonly version: 1;
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Where the VM's document came from: `vm.yaml:12`. */
  readonly source: string;
  readonly createdAt: string;
  readonly phase: "starting" | "running" | "stopping";
  readonly vmi: Vmi;
  readonly netns: string;
  /** The machine's user that the VM's services run as. */
  readonly serviceUid: number;
  readonly attachments: readonly CniAttachment[];
  readonly facts?: PodFacts;
  /** Binding of each NIC, by logical name. */
  readonly bindings: Readonly<Record<string, string>>;
  readonly nics: Readonly<Record<string, NicRecord>>;
  /** The NICs as their sidecars were told of them. */
  readonly attached?: readonly Attachment[];
  /** The sidecar of each binding that has one. */
  readonly sidecars?: Readonly<Record<string, SidecarSpec>>;
  readonly processes: readonly ProcessRecord[];
  readonly domainXml?: string;
}

/** A record that this version cannot read. */
export class JournalError extends Error {
  override readonly name = "JournalError";
}

/** Writes a file so that after any crash it holds the old text or the new one. */
export function writeAtomically(file: string, text: string): void {
  const next = `${file}.next`;
  const descriptor = openSync(next, "w", 0o600);
  try {
    // Writes until all of it is written: a full disk takes the first part and says nothing.
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(next, file);
  const directory = openSync(dirname(file), "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/** The record of one VM, on disk before anything that it speaks of is done. */
export class Journal {
  readonly #file: string;
  #record: VmRecord;

  private constructor(file: string, record: VmRecord) {
    this.#file = file;
    this.#record = record;
  }

  static fileIn(directory: string): string {
    return join(directory, "journal.json");
  }

  static create(directory: string, record: VmRecord): Journal {
    const journal = new Journal(Journal.fileIn(directory), record);
    journal.#write();
    return journal;
  }

  /**
   * Reads a VM's record; undefined where its directory has none.
   *
   * @throws JournalError where it is damaged or of another version
   */
  static open(directory: string): Journal | undefined {
    const file = Journal.fileIn(directory);
    if (!existsSync(file)) return undefined;
    let record: VmRecord;
    try {
      record = JSON.parse(readFileSync(file, "utf8")) as VmRecord;
    } catch (error) {
      throw new JournalError(`${file} cannot be read: ${(error as Error).message}`, { cause: error });
    }
    const version: unknown = (record as Partial<VmRecord> | null)?.version;
    if (version !== 1) throw new JournalError(`${file} is of version ${JSON.stringify(version)}, and this netbind reads version 1`);
    const damaged = damagedField(record) ?? (record.id === basename(directory) ? undefined : "id");
    if (damaged !== undefined) throw new JournalError(`${file} is damaged: "${damaged}" is not what it was written as`);
    return new Journal(file, record);
  }

  get record(): VmRecord {
    return this.#record;
  }

  /** Changes the record and writes it before it returns. */
  update(change: Partial<Omit<VmRecord, "version" | "id">>): void {
    this.#record = { ...this.#record, ...change };
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
