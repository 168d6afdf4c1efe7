import { launcherOf } from "../launcher/launcher-of.ts";
import { lockedBytes, raiseLockedMemory } from "../launcher/locked-memory.ts";
import { vmUserOf } from "../launcher/vm-user.ts";
import type { DeviceNode } from "../networks/host-plugin.ts";
import type { NicContext } from "./remove-nic.ts";

/** Makes device files in a directory of their own file system: the launcher's /dev may hold none. Paths are the arguments. */
const EXPOSE = [
  'place=$(dirname "$1") && mkdir -p "$place"',
  'mountpoint -q "$place" || mount -t tmpfs -o mode=0755,nosuid,noexec devices "$place"',
  'if [ "$(stat -c %t:%T "$1" 2> /dev/null)" != "$(printf %x:%x "$2" "$3")" ]; then rm -f "$1" && mknod -m 0600 "$1" c "$2" "$3" && chown "$4" "$1"; fi',
].join(" && ");

/** Shows a running launcher the device files of a NIC that comes, and lets it pin what they take. */
export async function exposeDevices({ run, journal }: NicContext, nic: string): Promise<void> {
  const { attachments, vmi } = journal.record;
  const launcher = launcherOf(run, journal.record);
  const nodes = attachments.filter(({ network }) => network === nic).flatMap((one): readonly DeviceNode[] => one.nodes ?? []);
  const bytes = lockedBytes(vmi, attachments);
  if (bytes !== undefined) await raiseLockedMemory(launcher, bytes);
  const { uid, gid } = vmUserOf(journal.record);
  const owner = `${uid}:${gid}`;
  for (const { path, major, minor } of nodes.filter((node) => node.path.startsWith("/dev/vfio/"))) {
    await launcher.runAmongMounts(["sh", "-c", EXPOSE, "sh", path, String(major), String(minor), owner]);
  }
}
