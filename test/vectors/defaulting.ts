import { defaultVmi } from "@netbind/kubevirt/admission";
import { compare, completeVmi, type Outcome, type Vector, type VmiInput } from "./vector.ts";

interface Result {
  readonly error: string | null;
  readonly interfaces?: unknown;
  readonly networks?: unknown;
}

/** What a VM without networks gets. */
export function defaulting({ input, result }: Vector<VmiInput, Result>): Outcome {
  const { vmi, violations } = defaultVmi(completeVmi(input.vmi), input.kubevirtConfig ?? {});
  if (violations.length > 0 || result.error !== null) return compare(violations.length > 0, result.error !== null);
  return compare(
    { interfaces: vmi.spec.domain.devices.interfaces, networks: vmi.spec.networks },
    { interfaces: result.interfaces, networks: result.networks },
  );
}
