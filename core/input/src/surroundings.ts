import { type GuestSetup, macOwnersOf, type Surroundings } from "@netbind/kubevirt/admission";
import type { CloudInitSource, ReferencedData } from "@netbind/kubevirt";
import { readGuestSetup } from "./guest-setup.ts";
import type { Input } from "./input.ts";

/** What a function gave for a key before: several rules look at one volume, and many VMs are of one namespace. */
function remembered<K, V>(known: Map<K, V>, key: K, make: () => V): V {
  const found = known.get(key);
  if (found !== undefined) return found;
  const made = make();
  known.set(key, made);
  return made;
}

/** What an input has beside each of its VMs, for the rules that look at it. */
export function surroundingsOf(input: Input): Surroundings {
  const setups = new Map<CloudInitSource, GuestSetup>();
  const data = new Map<string, ReferencedData>();
  const dataOf = (namespace: string): ReferencedData => remembered(data, namespace, () => input.dataOf(namespace));
  return {
    macOwners: macOwnersOf(
      [...input.vms, ...input.templates].map(({ vmi }) => vmi),
      input.nads,
    ),
    services: input.services,
    guestSetupOf: (source, namespace) => remembered(setups, source, () => readGuestSetup(source, dataOf(namespace))),
    deviceSettings: input.deviceSettings,
    sources: input.sources,
    isClusterKnown: input.configuredBy !== undefined,
  };
}
