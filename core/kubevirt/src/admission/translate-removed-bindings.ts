import type { Vmi, VmiInterface } from "../api.ts";
import type { KubevirtMinor } from "../versions.ts";
import { INTERFACES_PATH, interfacesOf, withInterfaces } from "../vmi.ts";

/** The core bindings that KubeVirt removed in 1.3, for plugins of the same names. */
export const REMOVED_BINDINGS = ["slirp", "passt", "macvtap"] as const;
type RemovedKey = (typeof REMOVED_BINDINGS)[number];

/** From this version on KubeVirt refuses a new VM with one of them. */
const REMOVED_SINCE: KubevirtMinor = 3;

/** The core bindings that a version of KubeVirt does not have any more. */
export const removedBindingsIn = (version: KubevirtMinor): readonly RemovedKey[] =>
  version >= REMOVED_SINCE ? REMOVED_BINDINGS : [];

/** An old key of an interface, and where it is. */
export interface RemovedBinding {
  readonly key: RemovedKey;
  /** The interface's place in the VM's list. */
  readonly index: number;
  readonly field: string;
}

/** The other keys that say how an interface is attached: with one of them it is not clear what an old one means. */
export const OTHER_METHODS = ["bridge", "masquerade", "sriov", "passtBinding", "binding"] as const;

/** The old key of an interface that says nothing else; undefined where there is none, or more than one meaning. */
function removedBindingOf(nic: VmiInterface, removed: readonly RemovedKey[]): RemovedKey | undefined {
  const keys = REMOVED_BINDINGS.filter((key) => nic[key] !== undefined);
  const [key] = keys;
  if (key === undefined || keys.length > 1 || !removed.includes(key)) return undefined;
  return OTHER_METHODS.every((other) => nic[other] === undefined) ? key : undefined;
}

/** A VM whose old keys are the plugins of the same names, and which keys those were. `removed`: the keys that are old ones. */
export function translateRemovedBindings(
  vmi: Vmi,
  removed: readonly RemovedKey[] = REMOVED_BINDINGS,
): { readonly vmi: Vmi; readonly translated: readonly RemovedBinding[] } {
  const interfaces = interfacesOf(vmi);
  const translated = interfaces.flatMap((nic, index) => {
    const key = removedBindingOf(nic, removed);
    return key === undefined ? [] : [{ key, index, field: `${INTERFACES_PATH}[${index}].${key}` }];
  });
  if (translated.length === 0) return { vmi, translated };
  const renewed = interfaces.map((nic) => {
    const key = removedBindingOf(nic, removed);
    if (key === undefined) return nic;
    const { [key]: _, ...rest } = nic;
    return { ...rest, binding: { name: key } };
  });
  return { vmi: withInterfaces(vmi, renewed), translated };
}
