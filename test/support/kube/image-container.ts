import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AttachRequest } from "@netbind/contract";
import { exec } from "@netbind/netns";
import { attachSidecar } from "@netbind/remote/sidecar";
import type { UnpackedImage } from "./built-images.ts";
import { containerSpec } from "./kube-container.ts";
import { TestNetns } from "../netns/netns.ts";

const POD_USER = 107;
const CONTAINER = "hook-sidecar-0";
/** The emulator of a user's programs, beside an image's files. */
const EMULATOR = { machine: "/usr/bin/qemu-aarch64-static", inside: "/emulator" } as const;
const DEADLINE = 60_000;
/** crun takes no machine on which both versions of control groups are in use: it sees none, in mounts of its own. */
const CRUN = ["unshare", "--mount", "--propagation", "slave", "sh", "-c", 'mount -t tmpfs tmpfs /sys/fs/cgroup && exec crun "$@"', "crun"];

/** How a container is started, beside what its image says. */
export interface ContainerStart {
  readonly binding: string;
  /** True for an image of another processor: its program is run by an emulator, so nothing of the machine changes. */
  readonly isEmulated?: boolean;
}

/**
 * A sidecar's image, run as KubeVirt has it run: with the image's own command, as user 107 without a capability, nothing
 * to write to but its directory of the pod's hooks, in namespaces of its own.
 */
export class ImageContainer implements AsyncDisposable {
  readonly #base: string;
  readonly #id = `nbimage-${randomBytes(4).toString("hex")}`;
  readonly #netns: TestNetns;
  #process: ChildProcess | undefined;
  #output = "";

  private constructor(netns: TestNetns) {
    this.#netns = netns;
    this.#base = mkdtempSync(join(tmpdir(), "netbind-container-"));
    chmodSync(this.#base, 0o755);
  }

  /** Starts a sidecar, and waits until it can be attached. */
  static async start(image: UnpackedImage, { binding, isEmulated = false }: ContainerStart): Promise<ImageContainer> {
    const container = new ImageContainer(await TestNetns.make());
    try {
      container.#run(image, binding, isEmulated);
      await container.#appears(join(container.hooks, "netbind/attach.sock"));
      return container;
    } catch (error) {
      await container[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The sidecar's directory of the pod's hooks, on the machine. */
  get hooks(): string {
    return join(this.#base, "hooks");
  }

  /** The container's first process. */
  async pid(): Promise<number> {
    return (JSON.parse(await this.#crun(["state", this.#id])) as { readonly pid: number }).pid;
  }

  attach(nics: AttachRequest["nics"]): Promise<void> {
    const place = { base: this.#base, components: ["hooks"], uid: POD_USER };
    return attachSidecar(place, { namespace: "default", name: "vm", uid: "u", nics });
  }

  /** How the container ended. */
  ended(): Promise<number | null> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null) return Promise.resolve(child?.exitCode ?? null);
    return new Promise((resolve) => child.once("exit", resolve));
  }

  #run({ rootfs, process: start }: UnpackedImage, binding: string, isEmulated: boolean): void {
    mkdirSync(this.hooks, { mode: 0o755 });
    chownSync(this.hooks, POD_USER, POD_USER);
    const resolv = join(this.#base, "resolv.conf");
    writeFileSync(resolv, "nameserver 10.96.0.10\n");
    if (isEmulated) copyFileSync(EMULATOR.machine, join(rootfs, EMULATOR.inside));
    const spec = containerSpec({
      argv: isEmulated ? [EMULATOR.inside] : [],
      args: start.args,
      env: [...start.env, `CONTAINER_NAME=${CONTAINER}`, `NETWORK_BINDING_PLUGIN_NAME=${binding}`],
      rootfs,
      hasMachine: false,
      resolv,
      hooks: this.hooks,
      netns: this.#netns.path,
    });
    writeFileSync(join(this.#base, "config.json"), JSON.stringify(spec));
    const [file = "", ...args] = [...this.#command(), "run", "--bundle", this.#base, this.#id];
    this.#process = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.#process.stdout, this.#process.stderr])
      stream?.on("data", (chunk: Buffer) => {
        this.#output += chunk.toString("utf8");
      });
  }

  async #appears(path: string): Promise<void> {
    const end = performance.now() + DEADLINE;
    while (!existsSync(path)) {
      if (this.#process?.exitCode !== null || performance.now() > end)
        throw new Error(`the container showed no ${path}: exit code ${this.#process?.exitCode}: ${this.#output}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  #command(): readonly string[] {
    return [...CRUN, "--root", join(this.#base, "crun"), "--cgroup-manager=disabled"];
  }

  #crun(args: readonly string[]): Promise<string> {
    return exec([...this.#command(), ...args]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#crun(["delete", "--force", this.#id]).catch(() => undefined);
    await this.ended();
    await this.#netns[Symbol.asyncDispose]();
    rmSync(this.#base, { recursive: true });
  }
}

/** What the kernel says of a process's rights. */
export const rightsOf = (pid: number): string => readFileSync(`/proc/${pid}/status`, "utf8");
