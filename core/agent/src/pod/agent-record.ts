import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Attachment } from "@netbind/contract";
import type { PodContext } from "@netbind/engine";
import { type Check, isNumber, isObject, isText, listOf, mapOf, optional, shape, wrongField } from "@netbind/contract/shape";
import { type NicRecord, type PodRecord, type PodRecordStore, type ProcessId, writeAtomically } from "@netbind/netns";
import { POD_RECORD_FIELDS } from "@netbind/pod";
import type { NamespaceId } from "./pod-namespace.ts";

/** A name in the cluster. */
interface Named {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** Everything that was done for one pod, and all that it takes to go on or to undo it. */
export interface AgentRecord extends PodRecord {
  readonly version: 1;
  readonly pod: Named;
  readonly vmi: Named;
  readonly phase: "attaching" | "attached";
  readonly netns: NamespaceId;
  readonly facts?: PodContext;
  /** Binding of each NIC, by logical name. */
  readonly bindings: Readonly<Record<string, string>>;
  /** The NICs as their sidecars were told of them. */
  readonly attached?: readonly Attachment[];
  /** The control group of the pod's services; absent where the pod has none of its own. */
  readonly cgroup?: string;
}

/** A record that this version cannot read: its pod is left alone. */
export class RecordError extends Error {
  override readonly name = "RecordError";
}

const named = shape({ namespace: isText, name: isText, uid: isText });
const FIELDS: Readonly<Record<string, Check>> = {
  ...POD_RECORD_FIELDS,
  version: (version) => version === 1,
  pod: named,
  vmi: named,
  phase: (phase) => phase === "attaching" || phase === "attached",
  netns: shape({ dev: isNumber, ino: isNumber }),
  facts: optional(shape({ hostname: isText, resolvConf: isObject })),
  bindings: mapOf(isText),
  attached: optional(listOf(shape({ name: isText, mac: isText }))),
  cgroup: optional(isText),
};

const UID = /^[0-9a-f-]{36}$/;

/** The agent's directory: a directory for each pod, by its UID. */
export class AgentState {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  pod(uid: string): string {
    if (!UID.test(uid)) throw new Error(`${JSON.stringify(uid)} is no pod's UID`);
    return join(this.root, "pods", uid);
  }

  /** The pods that something was done for. */
  uids(): readonly string[] {
    const pods = join(this.root, "pods");
    return existsSync(pods) ? readdirSync(pods).filter((name) => UID.test(name)) : [];
  }

  /** The users that other pods' services run as, as far as their records can be read. */
  serviceUids(): readonly number[] {
    return this.uids().flatMap((uid) => {
      try {
        return AgentRecordFile.open(this.pod(uid))?.record.serviceUid ?? [];
      } catch {
        return [];
      }
    });
  }

  prepare(): void {
    mkdirSync(join(this.root, "pods"), { recursive: true, mode: 0o700 });
  }
}

/** The record of one pod, on disk before anything that it speaks of is done. */
export class AgentRecordFile implements PodRecordStore {
  readonly directory: string;
  #record: AgentRecord;

  private constructor(directory: string, record: AgentRecord) {
    this.directory = directory;
    this.#record = record;
  }

  static create(directory: string, record: AgentRecord): AgentRecordFile {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const recordFile = new AgentRecordFile(directory, record);
    recordFile.#write();
    return recordFile;
  }

  /** Reads a pod's record; undefined where there is none. @throws RecordError where it is damaged or of another version */
  static open(directory: string): AgentRecordFile | undefined {
    const file = join(directory, "record.json");
    if (!existsSync(file)) return undefined;
    let record: unknown;
    try {
      record = JSON.parse(readFileSync(file, "utf8"));
    } catch (error) {
      throw new RecordError(`${file} cannot be read: ${(error as Error).message}`, { cause: error });
    }
    const wrong = wrongField(record, FIELDS);
    if (wrong !== undefined) throw new RecordError(`${file} is damaged or of another version: "${wrong}" is not as this agent writes it`);
    return new AgentRecordFile(directory, record as AgentRecord);
  }

  get record(): AgentRecord {
    return this.#record;
  }

  update(change: Partial<Omit<AgentRecord, "version" | "pod">>): void {
    this.#record = { ...this.#record, ...change };
    this.#write();
  }

  updateNic(name: string, change: NicRecord): void {
    this.update({ nics: { ...this.#record.nics, [name]: { ...this.#record.nics[name], ...change } } });
  }

  setProcesses(role: string, processes: readonly ProcessId[]): void {
    this.update({ processes: [...this.#record.processes.filter((entry) => entry.role !== role), { role, processes }] });
  }

  /** The record goes last: until then all that was done can be undone. */
  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  #write(): void {
    writeAtomically(join(this.directory, "record.json"), `${JSON.stringify(this.#record, null, 1)}\n`);
  }
}
