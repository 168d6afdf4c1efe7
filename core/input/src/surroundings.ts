import { macOwnersOf, type Surroundings } from "@netbind/kubevirt/admission";
import { readGuestSetup } from "./guest-setup.ts";
import type { Input } from "./input.ts";

/** What an input has beside each of its VMs, for the rules that look at it. */
export const surroundingsOf = (input: Input): Surroundings => ({
  macOwners: macOwnersOf([...input.vms, ...input.templates].map(({ vmi }) => vmi)),
  services: input.services,
  guestSetupOf: (source, namespace) => readGuestSetup(source, input.dataOf(namespace)),
  deviceSettings: input.deviceSettings,
});
