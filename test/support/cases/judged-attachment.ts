import { anAttachment } from "@netbind/contract/testing";
import { STANDARD_GRANTS } from "@netbind/engine";
import bridge from "@netbind/plugin-bridge";
import masquerade from "@netbind/plugin-masquerade";

/** A NIC with addresses of both families, by which plans are judged. */
export const attachment = anAttachment({
  pod: {
    ...anAttachment().pod,
    addresses: ["10.244.0.2/24", "fd10:244::2/64"],
    routes: [{ destination: "::/0", gateway: "fd10:244::1" }, ...anAttachment().pod.routes],
  },
});
/** What a plan for it may be. */
export const bounds = { attachment, grants: STANDARD_GRANTS };
/** Plans that are right. */
export const good = { masquerade: masquerade.plan(attachment), bridge: bridge.plan(attachment) };
