import type { KubevirtConfiguration, Vmi, VmiInterface } from "../api.ts";
import { isSecondary } from "../nic/names.ts";
import { NETWORK_STATUS, parseNetworkStatus, statusOfLink } from "../pod/network-status.ts";
import { hasInfoSource } from "../status/info-source.ts";
import type { AnnotatedPod } from "../pod/pod-annotations.ts";
import { interfaceOf, interfacesOf, interfaceStatusOf, networksOf, registrationOf } from "../vmi.ts";

/** With this annotation, whatever its value, a VM with bridge on the pod network may be migrated. */
const ALLOW_BRIDGE = "kubevirt.io/allow-pod-bridge-network-live-migration";

/** Whether a VM's networks let it be migrated, and if not, why and what to do. */
export type Migratable =
  | { readonly migratable: true }
  | { readonly migratable: false; readonly problem: string; readonly fix: string };

const YES: Migratable = { migratable: true };

/** True where an interface on the pod network lets its VM be migrated. */
function moves(nic: VmiInterface, vmi: Vmi, configuration: KubevirtConfiguration): boolean {
  if (nic.masquerade !== undefined || nic.passtBinding !== undefined) return true;
  if (nic.bridge !== undefined) return vmi.metadata.annotations?.[ALLOW_BRIDGE] !== undefined;
  const plugin = registrationOf(configuration, nic.binding?.name);
  return plugin?.migration !== undefined && plugin.migration !== null;
}

/** Whether a VM's networks let it be migrated: only its NIC on the pod network counts. Source: reference, section 5.1. */
export function networkMigratable(vmi: Vmi, configuration: KubevirtConfiguration): Migratable {
  const interfaces = interfacesOf(vmi);
  const pod = networksOf(vmi).find((network) => network.pod !== undefined);
  if (interfaces.length === 0 || pod === undefined) return YES;
  const nic = interfaces.find(({ name }) => name === pod.name);
  if (nic === undefined) {
    return {
      migratable: false,
      problem: `network "${pod.name}" has no interface`,
      fix: "add an interface of that name",
    };
  }
  if (moves(nic, vmi, configuration)) return YES;
  return {
    migratable: false,
    problem: `interface "${nic.name}" on the pod network cannot be moved to another node`,
    fix: `use masquerade or a plugin that is registered with migration, or annotate the VM with ${ALLOW_BRIDGE} where bridge may move`,
  };
}

/** How soon a VM must be migrated so that its networks are as its spec says. */
type Urgency = "none" | "pending" | "immediate";

/** The condition MigrationRequired of a VMI: `Unknown` where there is none to set. */
export type MigrationRequired = "True" | "False" | "Unknown";

/** How long a change may wait for a controller that adds networks to running pods. */
const GRACE_MILLISECONDS = 15_000;

/** True where the spec's definition is the one that the pod's link was made by. */
const sameDefinition = (desired: string, current: string, namespace: string): boolean =>
  desired === current || (!desired.includes("/") && `${namespace}/${desired}` === current);

function urgencyOf(nic: VmiInterface, networkName: string, vmi: Vmi, pod: AnnotatedPod): Urgency {
  const entry = interfaceStatusOf(vmi, nic.name);
  if (nic.state === "absent") {
    const leftInPod = hasInfoSource(entry?.infoSource, "multus-status") && !hasInfoSource(entry?.infoSource, "domain");
    return leftInPod ? "pending" : "none";
  }
  if (entry === undefined) return nic.sriov === undefined ? "pending" : "immediate";
  const statuses = parseNetworkStatus(pod.metadata.annotations?.[NETWORK_STATUS]);
  const current = entry.podInterfaceName ? statusOfLink(statuses, entry.podInterfaceName)?.name : undefined;
  if (current === undefined || sameDefinition(networkName, current, vmi.metadata.namespace)) return "none";
  return "immediate";
}

/**
 * What the condition MigrationRequired of a VMI should be: the first secondary network that is not in the pod as the
 * spec has it decides; what another controller may still do gets 15 seconds. Source: reference, section 5.6.
 *
 * @param now milliseconds since 1970
 */
export function migrationRequired(vmi: Vmi, pod: AnnotatedPod, now: number): MigrationRequired {
  for (const network of networksOf(vmi).filter(isSecondary)) {
    const nic = interfaceOf(vmi, network.name);
    const urgency = nic === undefined ? "none" : urgencyOf(nic, network.multus?.networkName ?? "", vmi, pod);
    if (urgency === "none") continue;
    if (urgency === "immediate") return "True";
    const condition = vmi.status?.conditions?.find(({ type }) => type === "MigrationRequired");
    if (condition?.status !== "False") return "False";
    // A condition without a time of transition counts as older than any deadline.
    const since = condition.lastTransitionTime ? Date.parse(condition.lastTransitionTime) : Number.NEGATIVE_INFINITY;
    return now - since > GRACE_MILLISECONDS ? "True" : "False";
  }
  return "Unknown";
}
