import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SEAL_FILE } from "@netbind/remote/sidecar";
import { unsealed } from "./errors.ts";

const WRITABLE_BY_OTHERS = 0o022;
const DIGITS = 64;

/** The machine's uid 0, as this process sees it: in a user namespace that does not know it, the overflow user. */
function machineRoot(): number {
  const whole = /^ *0 +0 +4294967295$/m.test(readFileSync("/proc/self/uid_map", "utf8"));
  return whole ? 0 : Number(readFileSync("/proc/sys/kernel/overflowuid", "utf8"));
}

/**
 * Sees that the machine's uid 0 put a request's seal beside the attach socket: no process in the pod can.
 *
 * @throws BindingError ATTACH_UNSEALED
 */
export function checkSeal(directory: string, seal: string): void {
  let descriptor: number;
  try {
    descriptor = openSync(join(directory, SEAL_FILE), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    throw unsealed(`there is no seal (${(error as NodeJS.ErrnoException).code})`);
  }
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile() || stat.uid !== machineRoot() || (stat.mode & WRITABLE_BY_OTHERS) !== 0)
      throw unsealed(`its seal was not made by the machine's uid 0, but by ${stat.uid}`);
    if (stat.size !== DIGITS || readFileSync(descriptor, "utf8") !== seal)
      throw unsealed("its seal is of another request");
  } finally {
    closeSync(descriptor);
  }
}
