import { addressOf, type Attachment, defined, reachableAddresses } from "@netbind/contract";
import { domainNics } from "@netbind/domain";
import { interfacesFromPod, interfacesOfRunning } from "@netbind/kubevirt/status";
import { NETWORK_STATUS } from "@netbind/kubevirt/pod";
import type { VmiStatusInterface } from "@netbind/kubevirt";
import type { Exec } from "@netbind/netns";
import { askGuestAgent } from "./guest-agent.ts";
import type { LocalPodRecord } from "../record/local-pod-record.ts";
import { domainName } from "../launcher/base-domain.ts";
import { launcherOf } from "../launcher/launcher-of.ts";
import { networkStatusOf } from "../networks/network-status.ts";

/** The first address of each family that others reach a NIC's pod link by. */
const podAddresses = (attachment: Attachment): readonly string[] =>
  ([4, 6] as const).flatMap((family) => reachableAddresses(attachment, family).slice(0, 1).map(addressOf));

/**
 * `status.interfaces` of a running VM as a cluster would report it: its domain's NICs, the pod's addresses, and what
 * the guest's agent reports, where one answers. Empty where libvirt does not report the domain.
 */
export async function guestInterfaces(exec: Exec, record: LocalPodRecord): Promise<readonly VmiStatusInterface[]> {
  const launcher = launcherOf(exec, record);
  const domain = domainName(record.vmi);
  const [xml, agent] = await Promise.all([
    launcher.virsh(["dumpxml", domain]).catch(() => undefined),
    askGuestAgent(launcher, domain),
  ]);
  if (xml === undefined) return [];
  const pod = { metadata: { annotations: { [NETWORK_STATUS]: JSON.stringify(networkStatusOf(record.attachments)) } } };
  const vmi = { ...record.vmi, status: { ...record.vmi.status, interfaces: interfacesFromPod(record.vmi, pod) } };
  return interfacesOfRunning(
    vmi,
    defined({
      domain: domainNics(xml),
      podAddresses: new Map((record.attached ?? []).map((attachment) => [attachment.name, podAddresses(attachment)])),
      agent,
    }),
  );
}
