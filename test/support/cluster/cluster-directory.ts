/** What a test cluster has on the machine: one directory, and processes that hold everything else. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { isAlive, isRunning, type Lock, type ProcessId, takeLock, writeAtomically } from "@netbind/netns";
import { endHolders, type Holder } from "./holder.ts";
import type { KubernetesRelease } from "./kubernetes.ts";

/** What was asked for. */
export interface ClusterSettings {
  readonly release: KubernetesRelease;
  readonly nodes: number;
  /** True where pods can have more networks than one: multus attaches them. */
  readonly multus?: boolean;
}

/** A cluster that is up: what its directory says of it. */
export interface ClusterRecord extends ClusterSettings {
  readonly controlPlane: Holder;
  /** By the names of the nodes. */
  readonly nodeHolders: Readonly<Record<string, Holder>>;
  /** Where the API server is, for this machine. */
  readonly server: string;
}

/** What holds all of a cluster. */
export const holdersOf = ({ controlPlane, nodeHolders }: ClusterRecord): readonly Holder[] => [
  controlPlane,
  ...Object.values(nodeHolders),
];

const NAME = /^[a-z0-9](?:[-a-z0-9]{0,30}[a-z0-9])?$/;
const root = (env: NodeJS.ProcessEnv): string => env["NETBIND_CLUSTERS_DIR"] || "/var/lib/netbind-clusters";

/** The directory of one cluster. */
export class ClusterDirectory {
  readonly name: string;
  readonly path: string;

  /** @throws Error where the name is not one */
  constructor(name: string, env: NodeJS.ProcessEnv = process.env) {
    if (!NAME.test(name))
      throw new Error(`"${name}" is not the name of a cluster: use up to 32 of a-z, 0-9 and "-", not "-" at an end`);
    this.name = name;
    this.path = join(root(env), name);
  }

  /** The names of the clusters that have a directory. */
  static list(env: NodeJS.ProcessEnv = process.env): readonly string[] {
    return existsSync(root(env)) ? readdirSync(root(env)).filter((name) => NAME.test(name)) : [];
  }

  get #lock(): string {
    return `${this.path}.lock`;
  }

  get #owner(): string {
    return this.file("owner.json");
  }

  get kubeconfig(): string {
    return this.file("admin.kubeconfig");
  }

  /** The programs of the cluster's release. */
  get programs(): string {
    return this.file("bin");
  }

  get certificates(): string {
    return this.file("pki");
  }

  get logs(): string {
    return this.file("log");
  }

  file(...below: readonly string[]): string {
    return join(this.path, ...below);
  }

  /** Makes it, for nobody in particular, or for a process whose end is the cluster's. */
  make(owner?: ProcessId): void {
    mkdirSync(this.logs, { recursive: true, mode: 0o700 });
    if (owner !== undefined) writeAtomically(this.#owner, JSON.stringify(owner));
  }

  /** True where it was made for a process that has ended. */
  get isOrphaned(): boolean {
    return existsSync(this.#owner) && !isAlive(JSON.parse(readFileSync(this.#owner, "utf8")) as ProcessId);
  }

  /** What is recorded, whether it still runs or not. */
  record(): ClusterRecord | undefined {
    const file = this.file("cluster.json");
    return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as ClusterRecord) : undefined;
  }

  write(record: ClusterRecord): void {
    writeAtomically(this.file("cluster.json"), `${JSON.stringify(record, undefined, 2)}\n`);
  }

  /** The record of a cluster of which all runs. */
  running(): ClusterRecord | undefined {
    const record = this.record();
    return record !== undefined && holdersOf(record).every(({ first }) => isRunning(first)) ? record : undefined;
  }

  /** Ends what is recorded, and removes all of the directory; with `keepLogs`, its logs are left there. */
  async remove(keepLogs?: string): Promise<void> {
    const record = this.record();
    await endHolders(record === undefined ? [] : holdersOf(record));
    if (keepLogs !== undefined) {
      rmSync(keepLogs, { recursive: true, force: true });
      renameSync(this.logs, keepLogs);
    }
    rmSync(this.path, { recursive: true, force: true });
  }

  /** Who waits for the lock sees that its file is gone, and takes another. */
  removeLock(): void {
    rmSync(this.#lock, { force: true });
  }

  /** Held while it is brought up or taken down. */
  lock(wait: number): Promise<Lock> {
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
    return takeLock(this.#lock, `the cluster "${this.name}"`, wait);
  }
}
