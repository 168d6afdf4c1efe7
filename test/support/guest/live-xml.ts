import type { LocalPodRecord } from "@netbind/local";
import { exec } from "@netbind/netns";
import { domainName } from "../../../core/local/src/launcher/base-domain.ts";
import { launcherOf } from "../../../core/local/src/launcher/launcher-of.ts";

/** The XML of a running VM's domain, as libvirt has it now. */
export const liveXml = (record: LocalPodRecord): Promise<string> =>
  launcherOf(exec, record).virsh(["dumpxml", domainName(record.vmi)]);
