import { join } from "node:path";
import type { Exec } from "@netbind/netns";
import type { HookLocation } from "@netbind/pod";
import { HeldDirectory, type HeldSocket, type SidecarLocation } from "@netbind/remote/sidecar";
import { dropPrivileges, type VmUser, vmUserOf } from "../launcher/vm-user.ts";
import type { LocalPodRecord } from "../record/local-pod-record.ts";
import type { State } from "../record/state.ts";
import { writableDirectory } from "./writable.ts";

/** The name of a pod's sidecar, by its place among them. */
export const containerName = (at: number): string => `hook-sidecar-${at}`;
/** The sidecar's directory on the machine: its hooks directory, as it sees it. */
export const sidecarDirectory = (writable: string, container: string): string => join(writable, "hooks", container);
/** The file that a sidecar's output goes to. */
export const sidecarLog = (podDirectory: string, container: string): string => join(podDirectory, `${container}.log`);
/** The way to a sidecar's directory, in which only the directory itself is the VM user's. */
export const sidecarLocation = (writable: string, container: string, { uid }: VmUser): SidecarLocation => ({
  base: join(writable, "hooks"),
  components: [container],
  uid,
});
/** Where the sidecars of a recorded pod show their hook sockets. */
export const hookLocation = (state: State, record: LocalPodRecord): HookLocation => ({
  hooks: join(writableDirectory(state, record), "hooks"),
  uid: vmUserOf(record).uid,
});
/** Holds the socket at which a sidecar is attached. @throws BindingError UNAVAILABLE where there is none that is its user's */
export function holdAttachSocket({ base, components, uid }: SidecarLocation): HeldSocket {
  using directory = HeldDirectory.open(base, [...components, "netbind"]);
  return directory.socket("attach.sock", uid);
}

/** Removes what a sidecar that has ended left of its sockets, as its user. */
export async function removeSockets(exec: Exec, user: VmUser, { base, components }: SidecarLocation): Promise<void> {
  // What the sidecar put in the directory's place may lead its user, who sees nothing of the machine in there, anywhere.
  using directory = HeldDirectory.find(base, [...components, "netbind"]);
  if (directory === undefined) return;
  const argv = ["rm", "--recursive", "--force", "--", "/proc/self/fd/3/attach.sock"];
  await exec([...dropPrivileges(user), ...argv], { descriptors: [directory.descriptor] });
}
