import { createHash } from "node:crypto";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { checkTrustedDirectory, makeDirectory, namesIn } from "@netbind/netns";

const DEFAULT_STATE = "/run/netbind";
const WRITABLE = "writable";

/** Where the host keeps what runs (gone after a reboot, like all that it speaks of) and what is kept between runs. */
export interface StateDirectories {
  readonly state: string;
  readonly cache: string;
  /** What failed starts leave for people to read. */
  readonly logs: string;
}

/** Where an ordinary user's programs keep such things (XDG base directories). */
const ownState = (env: NodeJS.ProcessEnv): string => env["XDG_STATE_HOME"] || join(homedir(), ".local/state");

/**
 * The directories, from the environment (`NETBIND_STATE_DIR`, `NETBIND_CACHE_DIR`, `NETBIND_LOG_DIR`) or their defaults, where a
 * variable is empty too. Each is absolute and in its one form: users and names of namespaces are chosen by it.
 */
export const stateDirectories = (env: NodeJS.ProcessEnv): StateDirectories => ({
  state: resolve(env["NETBIND_STATE_DIR"] || DEFAULT_STATE),
  cache: resolve(env["NETBIND_CACHE_DIR"] || "/var/cache/netbind"),
  logs: resolve(
    env["NETBIND_LOG_DIR"] || (process.geteuid?.() === 0 ? "/var/log/netbind" : join(ownState(env), "netbind")),
  ),
});

/** A VM's short, stable identity on this machine: the same VM has the same one, two VMs never do. */
export const vmId = (namespace: string, name: string): string =>
  createHash("sha256").update(`${namespace}/${name}`).digest("hex").slice(0, 12);

/** A VM's identity, and behind it the number of a pod that a migration made. */
const ID = /^([0-9a-f]{12})(?:-([1-9]\d{0,8}))?$/;

/** The VM whose pod it is. */
export const vmOfPod = (pod: string): string => ID.exec(pod)?.[1] ?? pod;
const numberOfPod = (pod: string): number => Number(ID.exec(pod)?.[2] ?? 0);

const idsIn = (directory: string): readonly string[] => namesIn(directory).filter((name) => ID.test(name));

/** The paths and names of one state directory. Names in /run/netns are the machine's: each state directory has its own. */
export class State {
  readonly root: string;
  readonly cache: string;
  readonly logs: string;
  readonly #prefix: string;

  constructor({ state, cache, logs }: StateDirectories) {
    this.root = state;
    this.cache = cache;
    this.logs = logs;
    this.#prefix =
      state === DEFAULT_STATE ? "netbind" : `netbind-${createHash("sha256").update(state).digest("hex").slice(0, 6)}`;
  }

  /** Its directories, of which no VM gets anything. */
  get own(): readonly string[] {
    return [this.root, this.cache, this.logs];
  }

  get vms(): string {
    return join(this.root, "vms");
  }

  get node(): string {
    return join(this.root, "node");
  }

  /** Where the mount namespace is kept that pods' servers start from. */
  get mounts(): string {
    return join(this.node, "mounts");
  }

  /** The directory of a VM's pod. A VM's first pod has the VM's own identity. */
  podDirectory(id: string): string {
    return join(this.vms, id);
  }

  /** The file that is locked while a process works on a VM, whichever pod is looked at. */
  lock(id: string): string {
    return join(this.root, "locks", vmOfPod(id));
  }

  /** What a VM's users may write, of all its pods: a file system of its own is mounted there. */
  writable(id: string): string {
    return join(this.root, WRITABLE, vmOfPod(id));
  }

  /** The directory in which the pods of a VM meet that an older netbind started. */
  migration(id: string): string {
    return join(this.root, "migration", vmOfPod(id));
  }

  /** The namespace that plays the node. */
  get nodeNetns(): string {
    return `${this.#prefix}-node`;
  }

  /** The namespace that plays a VM's pod. */
  podNetns(id: string): string {
    return `${this.#prefix}-${id}`;
  }

  /** The pod that a namespace plays; undefined where the name is not of this state directory. */
  idOfPod(netns: string): string | undefined {
    const id = netns.slice(this.#prefix.length + 1);
    return netns === this.podNetns(id) && ID.test(id) ? id : undefined;
  }

  /** Every pod with a directory, whatever its condition, older ones first; of one VM, where it is named. */
  podIds(vm?: string): readonly string[] {
    const all = idsIn(this.vms).filter((id) => vm === undefined || vmOfPod(id) === vm);
    return [...all].sort((a, b) => numberOfPod(a) - numberOfPod(b));
  }

  /** The identity of the next pod of a VM that has one. */
  nextPodId(vm: string): string {
    return `${vm}-${numberOfPod(this.podIds(vm).at(-1) ?? vm) + 1}`;
  }

  /** Every VM with a pod's directory. */
  vmIds(): readonly string[] {
    return [...new Set(this.podIds().map(vmOfPod))];
  }

  /** Every VM with a lock's file. */
  lockIds(): readonly string[] {
    return idsIn(join(this.root, "locks"));
  }

  /** Every VM with a place for what its users may write. */
  writableIds(): readonly string[] {
    return idsIn(join(this.root, WRITABLE));
  }

  /** Makes the directories. Others may pass through them, to the files that are theirs, but not look. */
  prepare(): void {
    for (const directory of [this.root, this.vms, this.node, join(this.root, WRITABLE), this.cache])
      makeDirectory(directory);
    // Nothing else takes a lock there.
    makeDirectory(join(this.root, "locks"), 0o700);
  }

  /** The same, where the directories are root's alone. @throws UntrustedDirectoryError */
  static trusted(directories: StateDirectories): State {
    checkTrustedDirectory(directories.state, "NETBIND_STATE_DIR");
    checkTrustedDirectory(directories.cache, "NETBIND_CACHE_DIR");
    return new State(directories);
  }
}
