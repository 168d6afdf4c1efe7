import type { VmRecord } from "@netbind/local";
import { run } from "@netbind/netns";
import { domainName } from "../../core/local/src/launcher/base-domain.ts";
import { launcherOf } from "../../core/local/src/launcher/launcher-of.ts";

/** The XML of a running VM's domain, as libvirt has it now. */
export const liveXml = (record: VmRecord): Promise<string> => launcherOf(run, record).virsh(["dumpxml", domainName(record.vmi)]);
