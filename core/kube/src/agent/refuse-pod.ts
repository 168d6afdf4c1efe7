import type { Violation } from "@netbind/contract";
import { admitPod, type ComputeContainer, type ServingBinding, type Vmi } from "@netbind/engine";
import type { KubePod } from "./cluster.ts";

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

const COMPUTE = "compute";

/** What the pod's container that runs the guest has. */
function computeOf({ spec: { containers } }: KubePod): ComputeContainer {
  const compute = containers.find(({ name }) => name === COMPUTE);
  return {
    capabilities: compute?.securityContext?.capabilities?.add ?? [],
    devices: Object.fromEntries(Object.entries(compute?.resources?.limits ?? {}).map(([name, count]) => [name, Number(count)])),
  };
}

/**
 * Asks the bindings of a pod's sidecars about their NICs: KubeVirt admitted the VM without asking them, and made its pod
 * without asking what they need.
 *
 * @throws PodRefusedError with all violations, BindingError where a binding fails
 */
export async function refuseViolations(vmi: Vmi, pod: KubePod, served: ReadonlyMap<string, ServingBinding>): Promise<void> {
  const violations = await admitPod(vmi, served, computeOf(pod));
  if (violations.length > 0) throw new PodRefusedError(vmi, violations);
}
