import { type NetworkStatus, statusesOfAttachment } from "@netbind/kubevirt/pod";
import { PRIMARY_LINK } from "@netbind/kubevirt";
import type { CniAttachment } from "../record/local-pod-record.ts";

/** What multus would report of a pod's links, from what its CNI plugins returned. */
export const networkStatusOf = (attachments: readonly CniAttachment[]): readonly NetworkStatus[] =>
  attachments.flatMap(({ network, ifname, result }) =>
    statusesOfAttachment({ name: network, ifname, isDefault: ifname === PRIMARY_LINK, result }),
  );
