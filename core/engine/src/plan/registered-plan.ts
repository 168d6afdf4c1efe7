import { adoptedLinks, adoptedSysctls, type Attachment, type Plan } from "@netbind/contract";
import { isDataOnly, type ResolvedBinding } from "@netbind/kubevirt";
import type { NicPlanner } from "./plan-nic.ts";
import { noTap } from "../errors.ts";

/** What KubeVirt does for a plugin that is registered with `domainAttachmentType: managedTap`: links, and nothing else. */
export const managedTapPlan = (attachment: Attachment): Plan => ({
  network: {
    links: adoptedLinks(attachment, []),
    sysctls: adoptedSysctls(attachment),
  },
  domain: { kind: "tap" },
});

/** What it does for `tap`: the hypervisor opens what the network's CNI plugin made. */
function tapPlan({ pod, names }: Attachment): Plan {
  if (pod.tap !== undefined) return { domain: { kind: "tap" } };
  throw noTap(pod.name, names.tap);
}

/** Plans for a binding that is registered as data alone; undefined where a plugin must be asked. */
export function registeredPlanner(binding: ResolvedBinding | undefined): NicPlanner | undefined {
  if (binding === undefined || !isDataOnly(binding)) return undefined;
  return {
    plan: async (attachment) =>
      binding.domainAttachmentType === "managedTap" ? managedTapPlan(attachment) : tapPlan(attachment),
  };
}
