import type { Vmi } from "../api.ts";
import { nearestName } from "../values/nearest-name.ts";
import { interfacesOf, networksOf } from "../vmi.ts";

/** Of a short name every letter counts: `a` is not a slip of `b`. */
const LETTERS_PER_EDIT = 3;

/** KubeVirt takes no more: each name is held against each. */
const MOST_NAMES = 256;

/** The network without an interface that a name is a slip of; undefined where none is near. */
export function networkMeantBy(vmi: Vmi, name: string): string | undefined {
  if (Math.max(interfacesOf(vmi).length, networksOf(vmi).length) > MOST_NAMES) return undefined;
  const used = new Set(interfacesOf(vmi).map((nic) => nic.name));
  const free = networksOf(vmi).flatMap((network) => (used.has(network.name) ? [] : [network.name]));
  return nearestName(name, free, Math.floor(name.length / LETTERS_PER_EDIT));
}
