import { interfacesOf, type Vmi, type VmiInterface, withInterfaces } from "@netbind/kubevirt";
import { OTHER_METHODS, REMOVED_BINDINGS } from "@netbind/kubevirt/admission";

/** An interface whose binding KubeVirt attaches by a key of its own. */
export interface DelegatedBinding {
  readonly name: string;
  /** The interface's place in the VM's list. */
  readonly index: number;
}

/** The other keys that say how an interface is attached: with one of them, `binding` is not all that it says. */
const OTHERS = [...OTHER_METHODS, ...REMOVED_BINDINGS].filter((key) => key !== "binding");

function delegatedNameOf(nic: VmiInterface, names: ReadonlySet<string>): string | undefined {
  const name = nic.binding?.name;
  return name !== undefined && names.has(name) && OTHERS.every((key) => nic[key] === undefined) ? name : undefined;
}

/**
 * A VM whose bindings of some names are KubeVirt's own keys of the same names: `binding: {name: sriov}` is `sriov: {}`,
 * since no registration of that name could do what the key does.
 */
export function delegateBindings(
  vmi: Vmi,
  names: ReadonlySet<string>,
): { readonly vmi: Vmi; readonly delegated: readonly DelegatedBinding[] } {
  const delegated: DelegatedBinding[] = [];
  const interfaces = interfacesOf(vmi).map((nic, index) => {
    const name = delegatedNameOf(nic, names);
    if (name === undefined) return nic;
    delegated.push({ name, index });
    const { binding: _, ...rest } = nic;
    return { ...rest, [name]: {} };
  });
  return { vmi: delegated.length === 0 ? vmi : withInterfaces(vmi, interfaces), delegated };
}
