/** What of its node the agent sees. */
import { readlinkSync } from "node:fs";
import { SettingError } from "@netbind/netns";
import { type NamespaceId, namespaceId } from "./pod/pod-namespace.ts";

/** The network namespaces of the node, by its path, and of the agent, in which no pod is. @throws SettingError */
export function ownNamespaces(node: string): readonly NamespaceId[] {
  return [node, "/proc/self/ns/net"].map((path) => {
    try {
      return namespaceId(path);
    } catch (error) {
      throw new SettingError(
        `the network namespace ${path} cannot be read (${(error as NodeJS.ErrnoException).code}): ` +
          "give the agent the capability SYS_PTRACE and the node's PID namespace (hostPID: true), or name the node's " +
          "network namespace with --node-netns",
      );
    }
  });
}

/**
 * Checks, for an agent in a container, that it sees the node's processes: pods are found by theirs. The first process of a
 * container's own PID namespace is the container's, and has its mounts.
 *
 * @throws SettingError where it sees those of its container alone
 */
export function checkNodesProcesses(proc = "/proc"): void {
  if (firstMounts(proc) !== readlinkSync(`${proc}/self/ns/mnt`)) return;
  throw new SettingError(
    "the agent sees no processes but those of its own container: give its pod the node's PID namespace (hostPID: true)",
  );
}

/** The mount namespace of the first process; undefined where it may not be read, so that it is not the agent's container's. */
function firstMounts(proc: string): string | undefined {
  try {
    return readlinkSync(`${proc}/1/ns/mnt`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EACCES") throw error;
    return undefined;
  }
}
