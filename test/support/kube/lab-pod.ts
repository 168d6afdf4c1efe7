/** A pod of a lab's node, and its hook sockets as KubeVirt's launcher finds them. */
import { existsSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type Exec, scaledTimeout } from "@netbind/netns";
import { connectHooks, HeldDirectory, type HooksClient } from "@netbind/remote/sidecar";

/** A pod of the lab. */
export interface LabPod {
  readonly uid: string;
  readonly name: string;
  readonly vm: string;
  /** The name of its network namespace. */
  readonly netns: string;
  readonly exec: Exec;
  /** The address that its CNI plugin gave it. */
  readonly address: string;
  /** Its hook sockets' directory, as this process sees it: what the compute container has mounted. */
  readonly hooks: string;
}

/** The names in a directory of a pod; none where a process of the pod took it away meanwhile. */
function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** The hook sockets of a pod, below its volume. */
export const hookSocketsOf = ({ hooks }: LabPod): readonly string[] =>
  readdirSync(hooks, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name: container }) =>
      namesIn(join(hooks, container))
        .filter((name) => name.endsWith(".sock"))
        .map((name) => join(container, name)),
    );

/** Speaks to a pod's hook socket. Its path on the node is longer than a socket's address may be. */
export async function withHooks<T>(pod: LabPod, socket: string, ask: (client: HooksClient) => Promise<T>): Promise<T> {
  using directory = HeldDirectory.open(pod.hooks, [dirname(socket)]);
  const client = connectHooks(join(directory.path, basename(socket)), scaledTimeout(1));
  try {
    return await ask(client);
  } finally {
    client.close();
  }
}

/** True where a pod's first sidecar waits to be attached. */
export const waitsForAttach = ({ hooks }: LabPod): boolean =>
  existsSync(join(hooks, "hook-sidecar-0/netbind/attach.sock"));
