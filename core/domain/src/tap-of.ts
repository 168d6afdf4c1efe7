import type { Attachment, Plan } from "@netbind/contract";

/** The link that a NIC's hypervisor opens: the tap that its plan makes, else what the network's CNI plugin made. */
export const tapOf = ({ pod }: Attachment, { network }: Plan): string | undefined =>
  network?.links.find(({ kind }) => kind === "tap")?.name ?? pod.tap;
