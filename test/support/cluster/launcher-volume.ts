/** What virt-handler and a launcher say to each other: files of a volume, in the place of a socket between the two. */
import { closeSync, existsSync, openSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { guestCommand } from "@netbind/local";
import { type Exec, waitUntil } from "@netbind/netns";
import type { InNode } from "./in-node.ts";
import type { PodObject } from "./vm-objects.ts";

const IN_TIME = 60_000;
/** An emulated processor boots it, on a machine with other work. */
const BOOT_WITHIN = 150_000;
const SOCKETS = "hook-sidecar-sockets";

/** A launcher's pod, as virt-handler has it on its node. */
export class LauncherVolume {
  readonly #node: InNode;
  readonly #pod: PodObject;

  constructor(node: InNode, pod: PodObject) {
    this.#node = node;
    this.#pod = pod;
  }

  get #containers(): readonly string[] {
    return this.#pod.status.containerStatuses?.map(({ name }) => name) ?? [];
  }

  /** containerd's directory of the container `compute`. */
  get #task(): string {
    const compute = this.#pod.status.containerStatuses?.find(({ name }) => name === "compute");
    const id = compute?.containerID?.replace("containerd://", "") ?? "";
    return `/run/containerd/io.containerd.runtime.v2.task/k8s.io/${id}`;
  }

  /** A directory of the launcher's own file system, as this machine reaches it. */
  rootfs(path: string): string {
    return this.#node.path(`${this.#task}/rootfs${path}`);
  }

  /** A path in the volume that both have. */
  path(name: string): string {
    return join(this.#node.volume(this.#pod.metadata.uid, "public"), name);
  }

  /** Runs a command of the node in the pod's network namespace. */
  get exec(): Exec {
    const pid = readFileSync(this.#node.path(`${this.#task}/init.pid`), "utf8");
    return (argv, options) => this.#node.exec(["nsenter", `--target=${pid}`, "--net", "--", ...argv], options);
  }

  /** Waits until a path of this machine is there. */
  async #await(path: string, what: string): Promise<void> {
    if (!(await waitUntil(() => existsSync(path), IN_TIME, 50))) throw new Error(`${what} did not come in time`);
  }

  /** Waits for a file, and reads it. */
  async read(name: string, what: string): Promise<string> {
    await this.#await(this.path(name), what);
    return readFileSync(this.path(name), "utf8");
  }

  /** Shows the launcher a file, whole or not at all. */
  write(name: string, text: string): void {
    writeFileSync(this.path(`${name}.next`), text, { mode: 0o644 });
    renameSync(this.path(`${name}.next`), this.path(name));
  }

  /** Waits until every sidecar shows its hook socket, as a launcher does before it takes a command. */
  async awaitHooks(): Promise<void> {
    const volume = this.#node.volume(this.#pod.metadata.uid, SOCKETS);
    const hasSocket = (name: string): boolean =>
      existsSync(join(volume, name)) && readdirSync(join(volume, name)).some((file) => file.endsWith(".sock"));
    const isComplete = (): boolean =>
      this.#containers.filter((name) => name.startsWith("hook-sidecar-")).every(hasSocket);
    if (!(await waitUntil(isComplete, IN_TIME, 50)))
      throw new Error("the sidecars show no hook sockets: see what the agent logs of their pod");
  }

  /** Runs a command in the guest, once it has booted. */
  async inGuest(command: string): Promise<string> {
    const run = this.rootfs("/netbind/run");
    await this.#await(join(run, "serial.sock"), "the guest's serial port");
    // The whole path is longer than a socket's may be.
    const directory = openSync(run, "r");
    try {
      return await guestCommand(`/proc/self/fd/${directory}/serial.sock`, command, BOOT_WITHIN);
    } finally {
      closeSync(directory);
    }
  }
}
