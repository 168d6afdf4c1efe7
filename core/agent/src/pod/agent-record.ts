import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { isNumber, isText, shape } from "@netbind/contract/shape";
import { namesIn, type PodTraces } from "@netbind/netns";
import { type HostPodRecord, mayShareUid, POD_RECORD_FIELDS, PodRecordFile, type RecordFields } from "@netbind/pod";
import { invalidPodUid, unusableState } from "../errors.ts";
import type { NamespaceId } from "./pod-namespace.ts";

/** A name in the cluster. */
interface Named {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** Everything that was done for one pod of the node. Its control group is that of its services. */
export interface AgentRecord extends HostPodRecord {
  readonly pod: Named;
  readonly vmi: Named;
  readonly phase: "attaching" | "attached";
  readonly netns: NamespaceId;
}

const named = shape({ namespace: isText, name: isText, uid: isText });
const FIELDS: RecordFields = {
  ...POD_RECORD_FIELDS,
  pod: named,
  vmi: named,
  phase: (phase) => phase === "attaching" || phase === "attached",
  netns: shape({ dev: isNumber, ino: isNumber }),
};

/** The record of a pod of the node. */
export type AgentRecordFile = PodRecordFile<AgentRecord>;

/** By what the services of a pod are found: all that is in its directory beside its record is what they print. */
export const serviceTraces = ({ directory, record }: AgentRecordFile): PodTraces => ({
  uid: record.serviceUid,
  logs: namesIn(directory).map((name) => join(directory, name)),
});

const UID = /^[0-9a-f-]{36}$/;

/** The agent's directory: a directory for each pod, by its UID. */
export class AgentState {
  readonly root: string;
  /** Pods of which nothing runs that is not recorded: this agent has looked for it, and recorded what it started since. */
  readonly accounted: Set<string> = new Set();

  constructor(root: string) {
    this.root = root;
  }

  pod(uid: string): string {
    if (!UID.test(uid)) throw invalidPodUid(uid);
    return join(this.root, "pods", uid);
  }

  /** The pods that something was done for. */
  uids(): readonly string[] {
    const pods = join(this.root, "pods");
    return existsSync(pods) ? readdirSync(pods).filter((name) => UID.test(name)) : [];
  }

  /**
   * The users that other pods' services run as and that may be chosen for a pod of this UID, as far as their records can be
   * read: of many pods, hardly any is looked at.
   */
  serviceUidsNear(pod: string): readonly number[] {
    const near = this.uids().filter((uid) => mayShareUid(pod, uid));
    return near.flatMap((uid) => {
      try {
        return this.open(uid)?.record.serviceUid ?? [];
      } catch {
        return [];
      }
    });
  }

  /** Reads a pod's record; undefined where there is none. @throws DamagedRecordError */
  open(uid: string): AgentRecordFile | undefined {
    return PodRecordFile.open(this.pod(uid), FIELDS);
  }

  /** Records that something is about to be done for a pod. */
  create(record: AgentRecord): AgentRecordFile {
    const directory = this.pod(record.pod.uid);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return PodRecordFile.create(directory, record);
  }

  /** Removes a pod's directory. The record goes last: until then all that was done can be undone. */
  remove(uid: string): void {
    this.accounted.delete(uid);
    rmSync(this.pod(uid), { recursive: true, force: true });
  }

  /** Makes the directory. @throws SettingError where it cannot be made */
  prepare(): void {
    const pods = join(this.root, "pods");
    try {
      mkdirSync(pods, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw unusableState(pods, (error as NodeJS.ErrnoException).code ?? "");
    }
  }
}
