import { type Needs, type Violation, violation } from "@netbind/contract";
import { needsOfNics, pluginNics } from "@netbind/engine";
import { INTERFACES_PATH, type Vmi } from "@netbind/kubevirt";
import { type FindPlanner, type Planner, within } from "../ask-planners.ts";
import { ineffectiveCapabilities } from "../ineffective-capabilities.ts";

/** What a binding's sidecar needs for all of its NICs. */
export type SidecarNeeds = NonNullable<Needs["sidecar"]>;

/** What is needed of a pod, by binding, and what speaks against the pod. */
export interface PodNeeds {
  readonly sidecars: ReadonlyMap<string, SidecarNeeds>;
  readonly violations: readonly Violation[];
}

/** The core adds up what all NICs of a binding need. */
const added = (one: SidecarNeeds, other: SidecarNeeds = {}): SidecarNeeds => ({
  memoryBytes: (one.memoryBytes ?? 0) + (other.memoryBytes ?? 0),
  cpuMillis: (one.cpuMillis ?? 0) + (other.cpuMillis ?? 0),
});

const unanswered = (binding: string): Violation =>
  violation(
    INTERFACES_PATH,
    `nothing answers for binding "${binding}" beside the controller, so it is not known what its sidecar needs`,
    "run the binding's image in the role binding with its socket below the controller's --bindings",
  );

/**
 * Asks bindings what the NICs of a VM need of its pod.
 *
 * @throws Error of a binding that fails, or that does not answer in time
 */
export async function askPodNeeds(vmi: Vmi, bindings: readonly string[], find: FindPlanner): Promise<PodNeeds> {
  const planners = new Map<string, Planner>();
  const violations: Violation[] = [];
  for (const name of bindings) {
    const planner = find(name);
    if (planner === undefined) violations.push(unanswered(name));
    else planners.set(name, planner);
  }
  const needing = await within(needsOfNics(pluginNics(vmi, planners), planners));
  const sidecars = new Map<string, SidecarNeeds>();
  for (const { binding, needs } of needing)
    if (needs.sidecar !== undefined) sidecars.set(binding, added(needs.sidecar, sidecars.get(binding)));
  return { sidecars, violations: [...violations, ...needing.flatMap(ineffectiveCapabilities)] };
}
