import { readFileSync } from "node:fs";
import type { Vmi } from "@netbind/kubevirt";
import type { Exec } from "@netbind/netns";
import type { CniAttachment } from "../record/local-pod-record.ts";
import { memoryBytes } from "./base-domain.ts";
import type { Launcher } from "./launcher.ts";
import { type LockedMemoryError, lockedMemoryRefused } from "../errors.ts";

/** What a device may pin beside the guest's memory: its registers, mapped. */
const DEVICE_BYTES = 1024 ** 3;

/** Bytes of memory that a VM's devices of the machine's pin; undefined where it has none. */
export const lockedBytes = (vmi: Vmi, attachments: readonly CniAttachment[]): number | undefined =>
  attachments.some(({ nodes = [] }) => nodes.some(({ path }) => path.startsWith("/dev/vfio/")))
    ? memoryBytes(vmi) + DEVICE_BYTES
    : undefined;

const limitOf = (bytes: number): string => `--memlock=${bytes}:${bytes}`;

/** Gives what is started the limit: by itself libvirt may not raise it, and refuses the device. */
export const withLockedMemory = (bytes: number | undefined): readonly string[] =>
  bytes === undefined ? [] : ["prlimit", limitOf(bytes), "--"];

function refused(bytes: number, cause: unknown): LockedMemoryError {
  const limit = /^Max locked memory\s+\S+\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1] ?? "unknown";
  return lockedMemoryRefused(bytes, limit, cause);
}

/** Sees that processes can be given the limit. @throws LockedMemoryError */
export async function checkLockedMemory(exec: Exec, bytes: number): Promise<void> {
  await exec([...withLockedMemory(bytes), "true"]).catch((error: unknown) => {
    throw refused(bytes, error);
  });
}

/** Raises the limit of a launcher's programs that run already. @throws LockedMemoryError */
export async function raiseLockedMemory(launcher: Launcher, bytes: number): Promise<void> {
  for (const program of [launcher.programs.libvirt(), launcher.qemu()]) {
    if (program === undefined) continue;
    await launcher.limit(program, [limitOf(bytes)]).catch((error: unknown) => {
      throw refused(bytes, error);
    });
  }
}
