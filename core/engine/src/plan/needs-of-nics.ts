import type { Needs, NicSpec } from "@netbind/contract";
import { allAnswers, type Answer, askBinding } from "./ask-binding.ts";

/** Where a binding's answer to Needs comes from: the plugin in this process, or one behind a socket. */
export interface NicSupplier {
  needs(nic: NicSpec): Answer<Needs>;
}

/** A NIC whose binding is asked what it needs. */
export interface SuppliedNic {
  /** The name that its binding is registered under. */
  readonly binding: string;
  /** Its place in the VM's list of interfaces. */
  readonly index: number;
  readonly spec: NicSpec;
}

/** A NIC, with what its binding needs. */
export interface NeedingNic extends Pick<SuppliedNic, "binding" | "index"> {
  readonly needs: Needs;
}

/**
 * What a pod must have for each of these NICs. A binding that cannot be asked here is none of the caller's.
 *
 * @throws BindingError of all bindings that fail: the binding's own, or PLUGIN_FAILED with the author's error as its cause
 */
export function needsOfNics(
  nics: readonly SuppliedNic[],
  suppliers: ReadonlyMap<string, NicSupplier>,
): Promise<readonly NeedingNic[]> {
  const answers = nics.map(async ({ binding, index, spec }): Promise<NeedingNic> => {
    const supplier = suppliers.get(binding);
    const where = `binding "${binding}" failed to report the needs of NIC "${spec.name}"`;
    return { binding, index, needs: supplier === undefined ? {} : await askBinding(where, () => supplier.needs(spec)) };
  });
  return allAnswers(answers);
}
