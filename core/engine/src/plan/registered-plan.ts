import { type Attachment, handedOverLinks, handedOverSysctls, type Plan } from "@netbind/contract";

/** What KubeVirt does for a plugin that is registered with `domainAttachmentType: managedTap`: links, and nothing else. */
export const managedTapPlan = (attachment: Attachment): Plan => ({
  network: {
    links: handedOverLinks(attachment, []),
    sysctls: handedOverSysctls(attachment),
  },
  domain: { kind: "tap" },
});
