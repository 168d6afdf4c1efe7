import type { PodLink } from "@netbind/contract";
import { mergeDeviceVariables, networkInfoText } from "@netbind/kubevirt/pod";
import type { PodDevices } from "@netbind/engine";
import type { CniAttachment } from "../record/local-pod-record.ts";

/** What a CNI result reports of a link. */
interface CniInterfaces {
  readonly interfaces?: readonly { readonly name?: string; readonly mac?: string }[];
}

const MTU = 1500;

const reportedMac = ({ ifname, result }: CniAttachment): string | undefined =>
  (result as CniInterfaces | undefined)?.interfaces?.find(({ name }) => name === ifname)?.mac;

/** What a pod's containers receive about its devices; undefined where it has none. */
export function podDevices(attachments: readonly CniAttachment[]): PodDevices | undefined {
  const own = attachments.flatMap((attachment) =>
    attachment.device?.info === undefined ? [] : [{ attachment, device: attachment.device }],
  );
  if (own.length === 0) return undefined;
  return {
    environment: mergeDeviceVariables(own.map(({ device }) => device.env ?? {})),
    networkInfo: networkInfoText(
      own.map(({ attachment, device }) => ({
        network: attachment.network,
        info: device.info ?? {},
        mac: reportedMac(attachment) ?? "",
      })),
    ),
  };
}

/** The link that a pod would have, were its device not the guest's as it is; undefined where the pod has one. */
export function reportedLink(attachments: readonly CniAttachment[], name: string): PodLink | undefined {
  const attachment = attachments.find(({ ifname, device }) => ifname === name && device?.info !== undefined);
  const mac = attachment && reportedMac(attachment);
  return mac === undefined ? undefined : { name, mac, mtu: MTU, addresses: [], routes: [] };
}
