import { closeSync, constants, openSync } from "node:fs";
import { type CommandError, HeldProcess, type ProcessId, type Run } from "@netbind/netns";
import { HeldDirectory, type HeldSocket } from "@netbind/remote";
import { imageCommand } from "./image-command.ts";
import { LauncherProcesses, type LauncherTraits } from "./launcher-processes.ts";
import type { VmUser } from "./vm-user.ts";

/** libvirt said no. */
export class LibvirtError extends Error {
  override readonly name = "LibvirtError";
}

/** The way to libvirt's socket in the launcher's directory, and its name. */
const [SOCKET_DIRECTORY, SOCKET] = [["run", "libvirt"], "libvirt-sock"] as const;

/** Holds the socket of a launcher's libvirt. @throws BindingError UNAVAILABLE where there is none that is its user's */
export function holdLibvirtSocket(launcher: string, { uid }: VmUser): HeldSocket {
  using directory = HeldDirectory.open(launcher, SOCKET_DIRECTORY);
  return directory.socket(SOCKET, uid);
}

const DEADLINE = 30_000;
const CREATE_DEADLINE = 120_000;
/** What virsh sees a document as: /tmp is its own. */
const DOCUMENT = "/tmp/document.xml";

/** What virsh is given beside its arguments. */
export interface VirshOptions {
  readonly deadline?: number;
  /** Shown as {@link DOCUMENT}. */
  readonly document?: string;
}

/** A launcher: libvirt and what it runs. It outlives the process that started it. */
export class Launcher {
  readonly programs: LauncherProcesses;
  readonly #traits: LauncherTraits;
  readonly #run: Run;

  constructor(run: Run, traits: LauncherTraits) {
    this.#run = run;
    this.#traits = traits;
    this.programs = new LauncherProcesses(traits);
  }

  /** The process outside, and the first one of the launcher's PID namespace, with which all of it ends. */
  get processes(): readonly ProcessId[] {
    return this.#traits.processes;
  }

  /**
   * Runs virsh of the launcher's image, as the VM's user, in a sandbox of its own that sees the launcher's directory and
   * nothing else of the machine. Nothing is run in the launcher, and no link in its directory leads out of that sandbox.
   *
   * @throws LibvirtError with what libvirt said
   */
  async virsh(args: readonly string[], { deadline = DEADLINE, document }: VirshOptions = {}): Promise<string> {
    const { place, user } = this.#traits;
    if (place === undefined)
      throw new LibvirtError("the VM was started by an older netbind, which this one cannot ask: stop the VM and start it again");
    const shown = [
      ...["--clearenv", "--setenv", "PATH", "/usr/bin", "--setenv", "HOME", "/tmp"],
      ...["--ro-bind", place.directory, "/netbind"],
      ...(document === undefined ? [] : ["--perms", "0444", "--ro-bind-data", "0", DOCUMENT]),
    ];
    const virsh = ["virsh", "-q", "-c", `qemu:///session?socket=/netbind/${[...SOCKET_DIRECTORY, SOCKET].join("/")}`, ...args];
    try {
      const command = await imageCommand({ image: place, argv: virsh, shown, user });
      return await this.#run(command, { deadline, stdin: document ?? "" });
    } catch (error) {
      throw new LibvirtError((error as CommandError).message.replace(/^.* virsh /, "virsh "), { cause: error });
    }
  }

  /** Starts a domain. */
  async create(xml: string): Promise<void> {
    await this.virsh(["create", DOCUMENT], { deadline: CREATE_DEADLINE, document: xml });
  }

  /** Changes a device of a domain that runs, by its element. */
  async changeDevice(change: "attach" | "detach", domain: string, xml: string): Promise<void> {
    await this.virsh([`${change}-device`, domain, DOCUMENT, "--live"], { document: xml });
  }

  async shutdown(domain: string): Promise<void> {
    await this.virsh(["shutdown", domain]);
  }

  async destroy(domain: string): Promise<void> {
    await this.virsh(["destroy", domain]);
  }

  /** The QEMU of the launcher's domain, as the machine sees it; undefined where it does not run. */
  qemu(): ProcessId | undefined {
    return this.programs.qemu();
  }

  /**
   * Sets limits (prlimit(1)'s options) of a process of the launcher's. prlimit takes numbers alone: it runs in the PID
   * namespace that was held, where a number can be one of the launcher's processes and no other.
   */
  async limit(target: ProcessId, limits: readonly string[]): Promise<void> {
    using held = HeldProcess.of(target);
    const number = held?.innerNumber;
    if (held === undefined || number === undefined) return;
    await this.#runIn(held, "pid", ["prlimit", `--pid=${number}`, ...limits]);
  }

  /**
   * Runs a program of the launcher's image among the launcher's mounts, which are read-only but for its own files: as root, so
   * it is one that the machine's own user built and nobody in the launcher can change.
   *
   * @throws LibvirtError where the launcher does not run
   */
  async runAmongMounts(argv: readonly string[]): Promise<void> {
    const { first } = this.programs;
    using held = first === undefined ? undefined : HeldProcess.of(first);
    if (held === undefined) throw new LibvirtError("the VM's launcher does not run");
    await this.#runIn(held, "mnt", argv);
  }

  /** Runs a command in a namespace of a process that is held: what is entered is what was looked at. */
  async #runIn(held: HeldProcess, kind: "mnt" | "pid", argv: readonly string[]): Promise<void> {
    const namespace = openSync(`${held.path}/ns/${kind}`, constants.O_RDONLY);
    try {
      const option = { mnt: "--mount", pid: "--pid" }[kind];
      await this.#run(["nsenter", `${option}=/proc/self/fd/3`, "--", ...argv], { descriptors: [namespace] });
    } finally {
      closeSync(namespace);
    }
  }
}
