import type { ClusterFinding, VmStep } from "@netbind/view";
import { vmNotInCluster } from "../../errors.ts";
import type { Looks } from "../looks.ts";
import type { Released } from "../released.ts";
import { STEPS } from "./steps.ts";
import { readVmFacts } from "./vm-facts.ts";

/** A VM of a cluster, and the context by which it is named. */
interface NamedVm {
  readonly namespace: string;
  readonly name: string;
  readonly context: string;
}

/**
 * Goes a VM's way, step by step, up to the first that is not done, and says why it is not.
 *
 * @throws VmNotInClusterError, ApiError where it is not known whether there is such a VM
 */
export async function diagnoseVm(
  looks: Looks,
  { context, ...vm }: NamedVm,
  released: Released,
): Promise<{
  readonly findings: readonly ClusterFinding[];
  readonly vm: { readonly namespace: string; readonly name: string; readonly steps: readonly VmStep[] };
}> {
  const facts = await readVmFacts(looks, vm);
  if (facts === undefined) throw vmNotInCluster(vm, context);
  const now = Date.now();
  const steps: VmStep[] = [];
  const findings: ClusterFinding[] = [];
  for (const [step, judge] of STEPS) {
    const isOver = steps.some(({ state }) => state === "failed" || state === "waits");
    if (isOver) {
      steps.push({ step, state: "not reached", says: "" });
      continue;
    }
    const { state, says, findings: found = [] } = judge({ facts, released, now });
    steps.push({ step, state, says });
    findings.push(...found);
  }
  return { findings, vm: { ...vm, steps } };
}
