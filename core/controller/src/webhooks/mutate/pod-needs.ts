import { type Needs, type Violation, violation } from "@netbind/contract";
import { type NeedingNic, needsOfNics, pluginNics } from "@netbind/engine";
import { INTERFACES_PATH, type Vmi } from "@netbind/kubevirt";
import { type FindGrants, type FindPlanner, type Planner, within } from "../ask-planners.ts";
import { impossibleNeeds } from "../impossible-needs.ts";

/** What a binding's sidecar needs for all of its NICs. */
export type SidecarNeeds = NonNullable<Needs["sidecar"]>;

/** What a pod is given for its VM's NICs. */
export interface GivenNeeds {
  /** By binding. */
  readonly sidecars: ReadonlyMap<string, SidecarNeeds>;
  /** Devices of the compute container, by resource. */
  readonly devices: ReadonlyMap<string, number>;
  readonly annotations: ReadonlyMap<string, string>;
}

/** What is needed of a pod, and what speaks against the pod. */
export interface PodNeeds extends GivenNeeds {
  readonly violations: readonly Violation[];
}

/** The core adds up what all NICs of a binding need. */
const added = (one: SidecarNeeds, other: SidecarNeeds = {}): SidecarNeeds => ({
  memoryBytes: (one.memoryBytes ?? 0) + (other.memoryBytes ?? 0),
  cpuMillis: (one.cpuMillis ?? 0) + (other.cpuMillis ?? 0),
});

/** Devices of all NICs: each has its own. */
function devicesOf(needing: readonly NeedingNic[]): ReadonlyMap<string, number> {
  const devices = new Map<string, number>();
  for (const { needs } of needing)
    for (const [name, count] of Object.entries(needs.compute?.devices ?? {}))
      devices.set(name, (devices.get(name) ?? 0) + count);
  return devices;
}

/** Annotations of all NICs; a pod has one value of each, so NICs that need different ones speak against it. */
function annotationsOf(needing: readonly NeedingNic[]): Pick<PodNeeds, "annotations" | "violations"> {
  const annotations = new Map<string, string>();
  const violations: Violation[] = [];
  for (const { binding, index, needs } of needing)
    for (const [name, value] of Object.entries(needs.pod?.annotations ?? {})) {
      const other = annotations.get(name);
      if (other !== undefined && other !== value) violations.push(contradiction({ binding, index, name }));
      else annotations.set(name, value);
    }
  return { annotations, violations };
}

const contradiction = ({ binding, index, name }: Pick<NeedingNic, "binding" | "index"> & { name: string }): Violation =>
  violation(
    `${INTERFACES_PATH}[${index}]`,
    `binding "${binding}" needs another value of the pod's annotation ${JSON.stringify(name)} than an interface before it`,
    "give the VM only one of these interfaces",
  );

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
export async function askPodNeeds(
  vmi: Vmi,
  bindings: readonly string[],
  find: FindPlanner,
  grants: FindGrants,
): Promise<PodNeeds> {
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
  const impossible = needing.flatMap((nic) => impossibleNeeds(nic, grants(nic.binding)));
  const { annotations, violations: contradictions } = annotationsOf(needing);
  const all = [...violations, ...impossible, ...contradictions];
  return { sidecars, devices: devicesOf(needing), annotations, violations: all };
}
