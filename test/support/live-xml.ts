import { netnsPath, type VmRecord } from "@netbind/local";
import { run } from "@netbind/netns";
import { domainName } from "../../core/local/src/launcher/base-domain.ts";
import { Launcher } from "../../core/local/src/launcher/libvirt.ts";

/** The XML of a running VM's domain, as libvirt has it now. */
export const liveXml = (record: VmRecord): Promise<string> =>
  new Launcher(run, netnsPath(record.netns), record.processes.find(({ role }) => role === "launcher")?.processes ?? []).virsh([
    "dumpxml",
    domainName(record.vmi),
  ]);
