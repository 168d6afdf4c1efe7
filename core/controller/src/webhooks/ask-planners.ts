import type { Violation } from "@netbind/contract";
import { admitPluginNics, type AskedBinding, type Grants, needsOfNics, pluginNics } from "@netbind/engine";
import type { Vmi } from "@netbind/kubevirt";
import { impossibleNeeds } from "./impossible-needs.ts";

/** A binding that can be asked about NICs before there is a pod. */
export type Planner = Pick<AskedBinding, "admit" | "needs">;

/** Finds who answers for a binding, by its registered name; undefined: nobody does here. */
export type FindPlanner = (name: string) => Planner | undefined;

/** What a binding may do, by its registered name. */
export type FindGrants = (name: string) => Grants;

/** What the bindings of a VM's NICs say of them. */
export interface PlannerAnswers {
  /** KubeVirt would take them, and the node agent would not attach their pod. */
  readonly violations: readonly Violation[];
  /** Sentences: which bindings could not say. */
  readonly failures: readonly string[];
}

/** Milliseconds for an answer; the API server waits for five seconds altogether. */
const WAIT = 2000;

/** An answer within {@link WAIT}. @throws Error where it comes later */
export async function within<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it did not answer within ${WAIT / 1000} s`)), WAIT);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function askPlanner(vmi: Vmi, name: string, planner: Planner, grants: Grants): Promise<readonly Violation[]> {
  const alone = new Map([[name, planner]]);
  const violations = await admitPluginNics(vmi, alone);
  if (violations.length > 0) return violations;
  // A binding that cannot say what its NICs need attaches no pod.
  return (await needsOfNics(pluginNics(vmi, alone), alone)).flatMap((nic) => impossibleNeeds(nic, grants));
}

/** Asks the bindings of a VM's NICs, each by itself: one that fails hides nothing of what another says. */
export async function askPlanners(vmi: Vmi, find: FindPlanner, grants: FindGrants): Promise<PlannerAnswers> {
  const names = new Set(
    (vmi.spec.domain.devices.interfaces ?? []).flatMap(({ binding }) => (binding === undefined ? [] : [binding.name])),
  );
  const asked = [...names].flatMap((name) => {
    const planner = find(name);
    return planner === undefined ? [] : [{ name, answer: within(askPlanner(vmi, name, planner, grants(name))) }];
  });
  const answers = await Promise.allSettled(asked.map(({ answer }) => answer));
  return {
    violations: answers.flatMap((one) => (one.status === "fulfilled" ? one.value : [])),
    failures: answers.flatMap((one, at) =>
      one.status === "fulfilled"
        ? []
        : [`binding "${asked[at]?.name}" was not asked: ${(one.reason as Error).message}`],
    ),
  };
}
