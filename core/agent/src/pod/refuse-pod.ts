import { admitPod, type ComputeContainer, registrationConflicts } from "@netbind/engine";
import type { KubePod, KubeVmi } from "@netbind/kube";
import { sanitizeVmi } from "@netbind/kubevirt/admission";
import { PodRefusedError } from "../errors.ts";
import { throwFailures } from "../binding/binding-failures.ts";
import type { ServedBinding } from "../binding/binding-registry.ts";
import { causeOf } from "../launcher-pods.ts";

const COMPUTE = "compute";

/** What the pod's container that runs the guest has. */
function computeOf({ spec: { containers } }: KubePod): ComputeContainer {
  const compute = containers.find(({ name }) => name === COMPUTE);
  return {
    capabilities: compute?.securityContext?.capabilities?.add ?? [],
    devices: Object.fromEntries(
      Object.entries(compute?.resources?.limits ?? {}).map(([name, count]) => [name, Number(count)]),
    ),
  };
}

/**
 * Asks the bindings of a pod's sidecars about their NICs, and holds their registrations against them: KubeVirt admitted the
 * VM without asking them, and made its pod without asking what they need. A pod that KubeVirt migrates a guest into, against
 * what its binding can do, is refused as well: the guest keeps its network where it is. So is one of a binding whose grants
 * cannot be used.
 *
 * @throws PodRefusedError with all violations, BindingError of a binding that fails, BindingFailuresError of all that do either
 */
export async function refuseViolations(
  vmi: KubeVmi,
  pod: KubePod,
  served: ReadonlyMap<string, ServedBinding>,
): Promise<void> {
  const fixed = new Map([...served].filter(([, { migration }]) => migration === "none"));
  const stays = causeOf(pod, vmi) === "migrationTarget" ? registrationConflicts(vmi, fixed).migration : [];
  const ungranted = [...served.values()].flatMap(({ grantsProblem }) => grantsProblem ?? []);
  const granted = new Map([...served].filter(([, { grantsProblem }]) => grantsProblem === undefined));
  const admission = await admitPod(sanitizeVmi(vmi), granted, computeOf(pod));
  const violations = [...registrationConflicts(vmi, served).owners, ...stays, ...admission.violations];
  throwFailures([
    ...(violations.length > 0 ? [new PodRefusedError(vmi.metadata.name, violations)] : []),
    ...ungranted,
    ...admission.failures,
  ]);
}
