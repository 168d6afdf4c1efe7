import type { Vmi, VmiInterface } from "../api.ts";
import { INTERFACES_PATH, interfacesOf, withInterfaces } from "../vmi.ts";

/** The core bindings that KubeVirt removed in 1.3, for plugins of the same names. */
export const REMOVED_BINDINGS = ["slirp", "passt", "macvtap"] as const;

/** An old key of an interface, and where it is. */
export interface RemovedBinding {
  readonly key: (typeof REMOVED_BINDINGS)[number];
  readonly field: string;
}

/** The other keys that say how an interface is attached: with one of them it is not clear what an old one means. */
export const OTHER_METHODS = ["bridge", "masquerade", "sriov", "passtBinding", "binding"] as const;

/** The old key of an interface that says nothing else; undefined where there is none, or more than one meaning. */
function removedBindingOf(nic: VmiInterface): (typeof REMOVED_BINDINGS)[number] | undefined {
  const keys = REMOVED_BINDINGS.filter((key) => nic[key] !== undefined);
  return keys.length === 1 && OTHER_METHODS.every((key) => nic[key] === undefined) ? keys[0] : undefined;
}

/** A VM whose old keys are the plugins of the same names, and which keys those were. */
export function translateRemovedBindings(vmi: Vmi): {
  readonly vmi: Vmi;
  readonly translated: readonly RemovedBinding[];
} {
  const interfaces = interfacesOf(vmi);
  const translated = interfaces.flatMap((nic, at) => {
    const key = removedBindingOf(nic);
    return key === undefined ? [] : [{ key, field: `${INTERFACES_PATH}[${at}].${key}` }];
  });
  if (translated.length === 0) return { vmi, translated };
  const renewed = interfaces.map((nic) => {
    const key = removedBindingOf(nic);
    if (key === undefined) return nic;
    const { [key]: _, ...rest } = nic;
    return { ...rest, binding: { name: key } };
  });
  return { vmi: withInterfaces(vmi, renewed), translated };
}
