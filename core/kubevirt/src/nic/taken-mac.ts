import type { KubevirtConfiguration, VmiInterface } from "../api.ts";
import { registrationOf } from "../vmi.ts";

/** The binding that takes a pod link's MAC address away for its guest: bridge, and what is registered as managedTap. */
export function takenMacBinding(nic: VmiInterface, configuration: KubevirtConfiguration): string | undefined {
  const name = nic.bridge === undefined ? (nic.binding?.name ?? "") : "bridge";
  const managed = registrationOf(configuration, name)?.domainAttachmentType === "managedTap";
  return name === "bridge" || managed ? name : undefined;
}
