import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { descendantsOf, HeldProcess, isAlive, isRunning, type ProcessId, processesIn } from "@netbind/netns";
import { HeldDirectory } from "@netbind/remote/sidecar";
import type { VmUser } from "./vm-user.ts";

/** Where a launcher's files are. */
export interface LauncherContext {
  /** The launcher's directory on the machine. */
  readonly directory: string;
  /** The root file system that it was started from. */
  readonly rootfs: string;
}

/** What a launcher's processes are found by. */
export interface LauncherTraits {
  /** The process outside, and the first one of the launcher's PID namespace, with which all of it ends. */
  readonly processes: readonly ProcessId[];
  /** Absent in what an older netbind recorded. */
  readonly place?: LauncherContext;
  /** The VM's user. */
  readonly user: VmUser;
  /** Name of its domain. */
  readonly domain: string;
  /** The QEMU that was found before, where it is recorded. */
  readonly qemu?: ProcessId;
}

const QEMU = "usr/bin/qemu-system-x86_64";
/** passt's program, and the same for processors with wider registers. */
const PASST = ["usr/bin/passt", "usr/bin/passt.avx2"] as const;
const LIBVIRT = "usr/sbin/libvirtd";
/** Where libvirt writes the number of a domain's QEMU, below the launcher's directory. */
const PID_FILES = ["run", "libvirt", "qemu", "run"] as const;
const PID_FILE_LIMIT = 32;

/** The number that a domain's QEMU has in its launcher, as libvirt wrote it. */
function recordedNumber({ directory }: LauncherContext, domain: string): string | undefined {
  try {
    using files = HeldDirectory.open(directory, PID_FILES);
    return files.read(`${domain}.pid`, PID_FILE_LIMIT).trim();
  } catch {
    return undefined;
  }
}

/** Does something with a process while it is held; undefined where it has ended. */
function whileHeld<T>(id: ProcessId, act: (held: HeldProcess) => T): T | undefined {
  using held = HeldProcess.of(id);
  return held === undefined ? undefined : act(held);
}

/**
 * The programs that run in a launcher. A process is identified by where it runs and by the file that it runs, which is
 * the kernel's word; its name is its own.
 */
export class LauncherProcesses {
  readonly #traits: LauncherTraits;

  constructor(traits: LauncherTraits) {
    this.#traits = traits;
  }

  /** The first process of the launcher's PID namespace; undefined where it was never seen. */
  get first(): ProcessId | undefined {
    return this.#traits.processes[1];
  }

  /** The QEMU of the launcher's domain; undefined where it does not run. */
  qemu(): ProcessId | undefined {
    const { place, domain, qemu } = this.#traits;
    if (place === undefined) return qemu !== undefined && isAlive(qemu) ? qemu : undefined;
    if (qemu !== undefined && whileHeld(qemu, (held) => held.runs(join(place.rootfs, QEMU))) === true) return qemu;
    const number = recordedNumber(place, domain);
    // libvirt runs QEMU to ask what it can do, too.
    return number === undefined
      ? undefined
      : this.#running([QEMU]).find((id) => whileHeld(id, ({ innerNumber }) => innerNumber) === number);
  }

  /** Every passt of the launcher's that runs. */
  passt(): readonly ProcessId[] {
    return this.#running(PASST).filter(isRunning);
  }

  libvirt(): ProcessId | undefined {
    return this.#running([LIBVIRT])[0];
  }

  /** The processes of the launcher that run one of these programs of its root file system. */
  #running(programs: readonly string[]): readonly ProcessId[] {
    const { place } = this.#traits;
    if (place === undefined || this.first === undefined) return [];
    const files = programs.map((program) => join(place.rootfs, program));
    return descendantsOf([this.first]).filter(
      (id) => whileHeld(id, (held) => files.some((file) => held.runs(file))) === true,
    );
  }
}

/** True where a QEMU runs in a network namespace: what there is to go by where no record can be read. */
export function isQemuIn(netns: string, cache: string): boolean {
  const images = join(cache, "images");
  const files = existsSync(images) ? readdirSync(images).map((name) => join(images, name, QEMU)) : [];
  return processesIn(netns).some((id) => whileHeld(id, (held) => files.some((file) => held.runs(file))) === true);
}
