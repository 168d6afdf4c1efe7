import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  chownSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AttachRequest, defined } from "@netbind/contract";
import { exec, scaledTimeout } from "@netbind/netns";
import { attachSidecar } from "@netbind/remote/sidecar";
import type { UnpackedImage } from "./built-images.ts";
import { containerSpec } from "./kube-container.ts";
import { TestNetns } from "../netns/netns.ts";

const POD_USER = 107;
const CONTAINER = "hook-sidecar-0";
/** The emulator of a user's programs, beside an image's files. */
const EMULATOR = { machine: "/usr/bin/qemu-aarch64-static", inside: "/emulator" } as const;
/** Where images have the runtime. */
const RUNTIME = "/usr/bin/node";
const DEADLINE = 60_000;
/** crun takes no machine on which both versions of control groups are in use: it sees none, in mounts of its own. */
const CRUN = [
  "unshare",
  "--mount",
  "--propagation",
  "slave",
  "sh",
  "-c",
  'mount -t tmpfs tmpfs /sys/fs/cgroup && exec crun "$@"',
  "crun",
];

/** How a container is started, beside what its image says. */
export interface ContainerStart {
  readonly binding: string;
  /** True for an image of another processor: its program is run by an emulator, so nothing of the machine changes. */
  readonly isEmulated?: boolean;
  /** A control group with a sidecar's limits, from the hierarchy's root, where the machine's control groups are the test's. */
  readonly cgroup?: string;
  /** Thousandths of a processor that it may use there; absent: as many as there are. */
  readonly millis?: number;
}

/**
 * A sidecar's image, run as KubeVirt has it run: with the image's own command, as user 107 without a capability, nothing
 * to write to but its directory of the pod's hooks, in namespaces of its own.
 */
export class ImageContainer implements AsyncDisposable {
  readonly #base: string;
  readonly #id = `nbimage-${randomBytes(4).toString("hex")}`;
  readonly #netns: TestNetns;
  readonly #start: ContainerStart;
  #process: ChildProcess | undefined;
  #log: Socket | undefined;
  #output = "";

  private constructor(netns: TestNetns, start: ContainerStart) {
    this.#netns = netns;
    this.#start = start;
    this.#base = mkdtempSync(join(tmpdir(), "netbind-container-"));
    chmodSync(this.#base, 0o755);
  }

  /** Starts a sidecar, and waits until it can be attached. */
  static async start(image: UnpackedImage, start: ContainerStart): Promise<ImageContainer> {
    const container = new ImageContainer(await TestNetns.make(), start);
    try {
      container.#run(image);
      await container.#appears(join(container.hooks, "netbind/attach.sock"));
      return container;
    } catch (error) {
      await container[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The sidecar's directory of the pod's hooks, on the machine. */
  get hooks(): string {
    return join(this.podHooks, CONTAINER);
  }

  /** The pod's hooks, as its launcher has them: a directory for each sidecar. */
  get podHooks(): string {
    return join(this.#base, "hooks");
  }

  /** What the container has printed. */
  get output(): string {
    return this.#output;
  }

  /** The container's first process. @throws Error where it has ended, with what it printed */
  async pid(): Promise<number> {
    if (this.#process?.exitCode !== null)
      throw new Error(`the container has ended: exit code ${this.#process?.exitCode}: ${this.#output}`);
    return (JSON.parse(await this.#crun(["state", this.#id])) as { readonly pid: number }).pid;
  }

  /** All of its processes, the first one at the head. */
  async processes(): Promise<readonly number[]> {
    return descendants(await this.pid());
  }

  /** The runtimes that were started for callers; one at most, but where one ends while the next starts. */
  async runtimes(): Promise<readonly number[]> {
    return (await this.processes()).filter((pid) => isOfRuntime(commandLine(pid)));
  }

  /** Where KubeVirt's launcher finds the sidecar. */
  hookSocket(binding: string): string {
    return join(this.hooks, `${binding}-${CONTAINER}.sock`);
  }

  attach(nics: AttachRequest["nics"], timeoutScale = 1): Promise<void> {
    const place = { base: this.#base, components: ["hooks", CONTAINER], uid: POD_USER, timeoutScale };
    return attachSidecar(place, { namespace: "default", name: "vm", uid: "u", nics });
  }

  /** How the container ended. */
  ended(): Promise<number | null> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null) return Promise.resolve(child?.exitCode ?? null);
    return new Promise((resolve) => child.once("exit", resolve));
  }

  #run({ rootfs, process: start }: UnpackedImage): void {
    const { binding, isEmulated = false, cgroup, millis } = this.#start;
    mkdirSync(this.hooks, { recursive: true, mode: 0o755 });
    chownSync(this.hooks, POD_USER, POD_USER);
    const resolv = join(this.#base, "resolv.conf");
    writeFileSync(resolv, "nameserver 10.96.0.10\n");
    if (isEmulated) copyFileSync(EMULATOR.machine, join(rootfs, EMULATOR.inside));
    const spec = containerSpec({
      argv: isEmulated ? [EMULATOR.inside] : [],
      // The emulator runs one program, and none that this one becomes or starts: the runtime stays.
      args: isEmulated ? [...start.args.slice(start.args.indexOf(RUNTIME), -1), "sidecar"] : start.args,
      env: [...start.env, `CONTAINER_NAME=${CONTAINER}`, `NETWORK_BINDING_PLUGIN_NAME=${binding}`],
      rootfs,
      hasMachine: false,
      resolv,
      hooks: this.hooks,
      netns: this.#netns.path,
      ...(cgroup === undefined ? {} : { cgroup, isSidecar: true, ...defined({ millis }) }),
    });
    writeFileSync(join(this.#base, "config.json"), JSON.stringify(spec));
    const [file = "", ...args] = [...this.#command(), "run", "--bundle", this.#base, this.#id];
    const log = this.#makeLog();
    this.#process = spawn(file, args, { stdio: ["ignore", log, log] });
  }

  /** A pipe that the container prints to, as container runtimes give it: Node's own pipes are sockets. */
  #makeLog(): number {
    const path = join(this.#base, "log");
    execFileSync("mkfifo", [path]);
    const descriptor = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    this.#log = new Socket({ fd: descriptor, writable: false });
    this.#log.on("data", (chunk: Buffer) => {
      this.#output += chunk.toString("utf8");
    });
    return descriptor;
  }

  async #appears(path: string): Promise<void> {
    const end = performance.now() + scaledTimeout(DEADLINE);
    while (!existsSync(path)) {
      if (this.#process?.exitCode !== null || performance.now() > end)
        throw new Error(`the container showed no ${path}: exit code ${this.#process?.exitCode}: ${this.#output}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  #command(): readonly string[] {
    const root = ["--root", join(this.#base, "crun")];
    return this.#start.cgroup === undefined
      ? [...CRUN, ...root, "--cgroup-manager=disabled"]
      : ["crun", ...root, "--cgroup-manager=cgroupfs"];
  }

  #crun(args: readonly string[]): Promise<string> {
    return exec([...this.#command(), ...args]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#crun(["delete", "--force", this.#id]).catch(() => undefined);
    await this.ended();
    this.#log?.destroy();
    await this.#netns[Symbol.asyncDispose]();
    rmSync(this.#base, { recursive: true });
  }
}

/** What a process that may have ended says of itself: nothing then. */
function readProcess(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return "";
    throw error;
  }
}
const commandLine = (pid: number): string => readProcess(pid, "cmdline");
const isOfRuntime = (line: string): boolean => line.includes(`${RUNTIME}\0`) && line.endsWith("\0woken\0");

function descendants(pid: number): readonly number[] {
  const children = readProcess(pid, `task/${pid}/children`).split(" ").filter(Boolean).map(Number);
  return [pid, ...children.flatMap(descendants)];
}

/** What the kernel says of a process's rights. */
export const rightsOf = (pid: number): string => readFileSync(`/proc/${pid}/status`, "utf8");
