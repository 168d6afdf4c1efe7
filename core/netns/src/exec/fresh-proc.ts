import { accessSync, constants } from "node:fs";

/**
 * Runs a command over a /proc with nothing mounted over it, in a mount namespace that ends with the command: the kernel lets a
 * user namespace mount no /proc that shows more than the one it has, and containers and lxcfs hide parts of theirs.
 */
export const OVER_FRESH_PROC: readonly string[] = [
  ...["unshare", "--mount", "sh", "-c", 'mount -t proc -o nosuid,nodev,noexec proc /proc && exec "$@"', "proc"],
];

/** A setting that every kernel with a network has, and that root may write wherever /proc/sys can be written. */
const WRITABLE_SETTING = "/proc/sys/net/ipv4/ip_forward";

/** Makes a command that sets sysctls of a pod's do so where a container's runtime shows /proc/sys read-only. */
export function withWritableSysctls(argv: readonly string[]): readonly string[] {
  try {
    accessSync(WRITABLE_SETTING, constants.W_OK);
    return argv;
  } catch {
    return [...OVER_FRESH_PROC, ...argv];
  }
}
