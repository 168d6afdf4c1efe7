import { type Attachment, handedOverLinks, type Plan, reachableAddresses, SILENT_POD } from "@netbind/contract";

/** What KubeVirt does for a plugin that is registered with `domainAttachmentType: managedTap`: links, and nothing else. */
export const managedTapPlan = (attachment: Attachment): Plan => ({
  network: {
    links: handedOverLinks(attachment, []),
    ...(reachableAddresses(attachment, 4).length === 0 ? {} : { sysctls: [SILENT_POD] }),
  },
  domain: { kind: "tap" },
});
