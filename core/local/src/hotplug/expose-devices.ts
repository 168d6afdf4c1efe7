import { launcherOf } from "../launcher/launcher-of.ts";
import { lockedBytes, raiseLockedMemory } from "../launcher/locked-memory.ts";
import type { DeviceNode } from "../networks/emulated-plugin.ts";
import type { NicContext } from "./remove-nic.ts";

/** Shows a running launcher the device files of a NIC that comes, and lets it pin what they take. */
export async function exposeDevices({ exec, recordFile }: NicContext, nic: string): Promise<void> {
  const { attachments, vmi } = recordFile.record;
  const launcher = launcherOf(exec, recordFile.record);
  const nodes = attachments
    .filter(({ network }) => network === nic)
    .flatMap((one): readonly DeviceNode[] => one.nodes ?? []);
  const bytes = lockedBytes(vmi, attachments);
  if (bytes !== undefined) await raiseLockedMemory(launcher, bytes);
  const vfio = nodes.filter(({ path }) => path.startsWith("/dev/vfio/"));
  if (vfio.length > 0) await launcher.exposeVfio(vfio);
}
