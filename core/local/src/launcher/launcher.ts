import { closeSync, constants, openSync } from "node:fs";
import { basename } from "node:path";
import { defined } from "@netbind/contract";
import { HeldProcess, type ProcessId, type Exec } from "@netbind/netns";
import { HeldDirectory, type HeldSocket } from "@netbind/remote/sidecar";
import type { DeviceNode } from "../networks/emulated-plugin.ts";
import { imageCommand } from "./image-command.ts";
import { VFIO } from "./launcher-mounts.ts";
import { LauncherProcesses, type LauncherTraits } from "./launcher-processes.ts";
import type { VmUser } from "./vm-user.ts";
import { failedVirsh, launcherGone, olderDevices, olderLauncher } from "../errors.ts";

/** The way to libvirt's socket in the launcher's directory, and its name. */
const [SOCKET_DIRECTORY, SOCKET] = [["run", "libvirt"], "libvirt-sock"] as const;

/** Holds the socket of a launcher's libvirt. @throws BindingError UNAVAILABLE where there is none that is its user's */
export function holdLibvirtSocket(launcher: string, { uid }: VmUser): HeldSocket {
  using directory = HeldDirectory.open(launcher, SOCKET_DIRECTORY);
  return directory.socket(SOCKET, uid);
}

const DEADLINE = 30_000;
const ANSWER_DEADLINE = 20_000;
const CREATE_DEADLINE = 120_000;
/** What virsh sees a document as: /tmp is its own. */
const DOCUMENT = "/tmp/document.xml";

/** Makes a device file, where it is not there as it is to be. The path is the shell's own name. */
const EXPOSE =
  'if [ "$(stat -c %t:%T "$0" 2> /dev/null)" != "$(printf %x:%x "$1" "$2")" ]; then rm -f "$0" && mknod -m 0600 "$0" c "$1" "$2" && chown "$3" "$0"; fi';

/** What virsh is given beside its arguments. */
export interface VirshOptions {
  readonly deadline?: number;
  /** Shown as {@link DOCUMENT}. */
  readonly document?: string;
  /** Aborted where the answer is not waited for any longer. */
  readonly signal?: AbortSignal;
}

/** A launcher: libvirt and what it runs. It outlives the process that started it. */
export class Launcher {
  readonly programs: LauncherProcesses;
  readonly #traits: LauncherTraits;
  readonly #run: Exec;

  constructor(exec: Exec, traits: LauncherTraits) {
    this.#run = exec;
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
  async virsh(args: readonly string[], { deadline = DEADLINE, document, signal }: VirshOptions = {}): Promise<string> {
    const { place, user } = this.#traits;
    if (place === undefined) throw olderLauncher();
    const shown = [
      ...["--clearenv", "--setenv", "PATH", "/usr/bin", "--setenv", "HOME", "/tmp"],
      ...["--ro-bind", place.directory, "/netbind"],
      ...(document === undefined ? [] : ["--perms", "0444", "--ro-bind-data", "0", DOCUMENT]),
    ];
    const virsh = [
      "virsh",
      "-q",
      "-c",
      `qemu:///session?socket=/netbind/${[...SOCKET_DIRECTORY, SOCKET].join("/")}`,
      ...args,
    ];
    try {
      const command = await imageCommand({ image: place, argv: virsh, shown, user });
      return await this.#run(command, defined({ deadline, stdin: document ?? "", signal }));
    } catch (error) {
      throw failedVirsh(error as Error);
    }
  }

  /**
   * Sees that libvirt answers at all: one that is stopped, or whose socket is not served, keeps its callers waiting.
   * @throws LibvirtError
   */
  async ping(signal?: AbortSignal): Promise<void> {
    // What libvirt knows without starting a QEMU to ask it.
    await this.virsh(["hostname"], defined({ deadline: ANSWER_DEADLINE, signal }));
  }

  /** Starts a domain, or gives up where `signal` is aborted: the caller ends the launcher then, and what it may have started. */
  async create(xml: string, signal?: AbortSignal): Promise<void> {
    await this.virsh(["create", DOCUMENT], defined({ deadline: CREATE_DEADLINE, document: xml, signal }));
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
    const namespace = openSync(`${held.path}/ns/pid`, constants.O_RDONLY);
    try {
      await this.#run(["nsenter", "--pid=/proc/self/fd/3", "--", "prlimit", `--pid=${number}`, ...limits], {
        descriptors: [namespace],
      });
    } finally {
      closeSync(namespace);
    }
  }

  /**
   * Makes the device files of a NIC that comes, where the launcher sees them: from outside, in a directory of root's that only
   * the launcher has mounted. No program is run among its mounts.
   *
   * @throws LibvirtError where the launcher does not run, or has no such directory
   */
  async exposeVfio(nodes: readonly DeviceNode[]): Promise<void> {
    const { first } = this.programs;
    using held = first === undefined ? undefined : HeldProcess.of(first);
    if (held === undefined) throw launcherGone();
    using directory = HeldDirectory.find(`${held.path}/root`, VFIO);
    if (directory?.stat().uid !== 0) throw olderDevices();
    const { uid, gid } = this.#traits.user;
    for (const { path, major, minor } of nodes)
      await this.#run(
        ["sh", "-c", EXPOSE, `/proc/self/fd/3/${basename(path)}`, String(major), String(minor), `${uid}:${gid}`],
        {
          descriptors: [directory.descriptor],
        },
      );
  }
}
