import { join } from "node:path";
import { defined } from "@netbind/contract";
import { type Check, wrongField } from "@netbind/contract/shape";
import { exists, type NicRecord, type PodRecordStore, type ProcessId, readText, writeAtomically } from "@netbind/netns";
import { damagedRecord, otherVersion, unreadableRecord } from "../errors.ts";
import type { HostPodRecord } from "./host-pod-record.ts";

/** What is checked of a record before anything of it is acted on, by field: a damaged one must not lead anywhere. */
export type RecordFields = Readonly<Record<string, Check>>;

/** The version of records that is written and read. */
const VERSION = 1;

function parseRecord(file: string, fields: RecordFields): unknown {
  let record: unknown;
  try {
    record = JSON.parse(readText(file));
  } catch (error) {
    throw unreadableRecord(file, error as Error);
  }
  const version = (record as Partial<HostPodRecord> | null)?.version;
  if (version !== VERSION) throw otherVersion(file, version, VERSION);
  const wrong = wrongField(record, fields);
  if (wrong !== undefined) throw damagedRecord(file, wrong);
  return record;
}

/** The record of one pod, `record.json` in the pod's directory: on disk before anything that it speaks of is done. */
export class PodRecordFile<R extends HostPodRecord = HostPodRecord> implements PodRecordStore {
  /** The directory that the record is in. */
  readonly directory: string;
  #record: R;

  private constructor(directory: string, record: R) {
    this.directory = directory;
    this.#record = record;
  }

  /** The path of the record in a pod's directory. */
  static fileIn(directory: string): string {
    return join(directory, "record.json");
  }

  /** Writes the first record of a pod into its directory, which is there. */
  static create<R extends HostPodRecord>(directory: string, record: R): PodRecordFile<R> {
    const recordFile = new PodRecordFile(directory, record);
    recordFile.#write();
    return recordFile;
  }

  /**
   * Reads a pod's record; undefined where its directory has none. `fields` check all that makes a record an `R`.
   *
   * @throws DamagedRecordError where it is damaged or of another version
   */
  static open<R extends HostPodRecord>(directory: string, fields: RecordFields): PodRecordFile<R> | undefined {
    const file = PodRecordFile.fileIn(directory);
    return exists(file) ? new PodRecordFile(directory, parseRecord(file, fields) as R) : undefined;
  }

  get record(): R {
    return this.#record;
  }

  /** Changes the record and writes it before it returns. A field that the change gives as undefined is removed. */
  update(change: { readonly [K in keyof R]?: R[K] | undefined }): void {
    this.#record = defined({ ...this.#record, ...change }) as unknown as R;
    this.#write();
  }

  /** Changes the record without writing it: for what is found, and acted on only after the next change. */
  stage(change: Partial<R>): void {
    this.#record = { ...this.#record, ...change };
  }

  stageNic(name: string, change: NicRecord): void {
    const nics = { ...this.#record.nics, [name]: { ...this.#record.nics[name], ...change } };
    this.#record = { ...this.#record, nics };
  }

  updateNic(name: string, change: NicRecord): void {
    this.stageNic(name, change);
    this.#write();
  }

  /** Adds processes of a role, or replaces those that the role had. */
  setProcesses(role: string, processes: readonly ProcessId[]): void {
    this.#change({
      processes: [...this.#record.processes.filter((entry) => entry.role !== role), { role, processes }],
    });
  }

  #change(change: Partial<HostPodRecord>): void {
    this.#record = { ...this.#record, ...change };
    this.#write();
  }

  #write(): void {
    writeAtomically(PodRecordFile.fileIn(this.directory), `${JSON.stringify(this.#record, null, 1)}\n`);
  }
}
