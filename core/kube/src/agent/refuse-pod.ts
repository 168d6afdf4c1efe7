import type { Violation } from "@netbind/contract";
import { admitPod, type NicAdmitter, type Vmi } from "@netbind/engine";

/** A pod that is not attached, with all that speaks against it. Nothing was made for it. */
export class PodRefusedError extends Error {
  override readonly name = "PodRefusedError";
  readonly violations: readonly Violation[];

  constructor(vmi: Vmi, violations: readonly Violation[]) {
    const all = violations.map(({ field, problem, fix }) => `${field}: ${problem} (${fix})`);
    super(`VMI "${vmi.metadata.name}" cannot be attached: ${all.join("; ")}`);
    this.violations = violations;
  }
}

/**
 * Asks the bindings of a pod's sidecars about their NICs: KubeVirt admitted the VM without asking them.
 *
 * @throws PodRefusedError with all violations, BindingError where a binding fails
 */
export async function refuseViolations(vmi: Vmi, served: ReadonlyMap<string, NicAdmitter>): Promise<void> {
  const violations = await admitPod(vmi, served);
  if (violations.length > 0) throw new PodRefusedError(vmi, violations);
}
