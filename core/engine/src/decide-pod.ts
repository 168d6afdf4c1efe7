import type { BindingDescription, Violation } from "@netbind/contract";
import {
  type BindingRegistration,
  type Conflict,
  derivedNames,
  INTERFACES_PATH,
  isPrimary,
  linkNamesOfPod,
  migrationConflict,
  networksOf,
  ownerConflict,
  podLinkName,
  podLinkOfStatus,
  type Vmi,
} from "@netbind/kubevirt";
import { linksOf, type NetworkStatus, primaryLinkOf } from "@netbind/kubevirt/pod";
import { admitNics, type NicAdmitter } from "./plan/admit-nics.ts";
import { type NicsDecision, type BoundNic, boundNics, decidedNic } from "./decide.ts";
import { type ComputeContainer, ungrantedNeeds, unmetNeeds } from "./plan/check-needs.ts";
import type { Grants } from "./plan/grants.ts";
import { needsOfNics, type NicSupplier } from "./plan/needs-of-nics.ts";

/** A pod that the cluster made, for a VM that a cluster admitted. */
export interface DecidePodInput {
  readonly vmi: Vmi;
  /** The pod's links, as its network-status reports them: they say which naming scheme the pod has, and which link is primary. */
  readonly statuses: readonly NetworkStatus[];
  /**
   * The bindings whose sidecars are in the pod, by registered name, and whether their guests take the pod link's MAC:
   * where KubeVirt attaches a NIC by a tap it writes that one, whatever the binding says, unless the author names another.
   */
  readonly served: ReadonlyMap<string, { readonly takesPodMac: boolean }>;
}

/** The NICs of a VM that name a plugin which can be asked; KubeVirt's own bindings have none. */
export const pluginNics = (vmi: Vmi, bindings: ReadonlyMap<string, unknown>): readonly BoundNic[] =>
  boundNics(vmi).filter(({ nic }) => nic.binding !== undefined && bindings.has(nic.binding.name));

/** All that the plugins of a VM's NICs find wrong with them. @throws BindingError PLUGIN_FAILED, or the binding's own */
export const admitPluginNics = (vmi: Vmi, bindings: ReadonlyMap<string, NicAdmitter>): Promise<readonly Violation[]> =>
  admitNics(vmi, pluginNics(vmi, bindings), bindings);

/** A binding whose sidecar is in a pod. */
export interface ServingBinding extends NicAdmitter, NicSupplier {
  readonly grants: Grants;
}

/** What bindings say of a pod, each by itself. */
export interface PodAdmission {
  /** All that speaks against the NICs of the pod's sidecars. */
  readonly violations: readonly Violation[];
  /** What was thrown by bindings that failed: the binding's own BindingError, or PLUGIN_FAILED with the author's as its cause. */
  readonly failures: readonly unknown[];
}

/** What one binding finds wrong with its NICs; where nothing, what they need that the pod lacks or that is not granted. */
async function admitByBinding(
  vmi: Vmi,
  name: string,
  binding: ServingBinding,
  compute: ComputeContainer,
): Promise<readonly Violation[]> {
  const alone = new Map([[name, binding]]);
  const violations = await admitPluginNics(vmi, alone);
  if (violations.length > 0) return violations;
  const needing = await needsOfNics(pluginNics(vmi, alone), alone);
  const ungranted = needing.flatMap((nic) => ungrantedNeeds(nic, binding.grants));
  return ungranted.length > 0 ? ungranted : needing.flatMap((nic) => unmetNeeds(nic, compute));
}

/**
 * Asks the bindings of a pod's sidecars what speaks against their NICs, since a cluster admits what its own rules know. One
 * that fails or refuses hides nothing of what another says.
 */
export async function admitPod(
  vmi: Vmi,
  served: ReadonlyMap<string, ServingBinding>,
  compute: ComputeContainer,
): Promise<PodAdmission> {
  const asked = [...served].map(([name, binding]) => admitByBinding(vmi, name, binding, compute));
  const answers = await Promise.allSettled(asked);
  return {
    violations: answers.flatMap((one) => (one.status === "fulfilled" ? one.value : [])),
    failures: answers.flatMap((one): readonly unknown[] => (one.status === "rejected" ? [one.reason] : [])),
  };
}

/** A binding of a pod's sidecar, and what the KubeVirt CR says of it; nothing where it says nothing any more. */
export interface RegisteredNicBinding {
  readonly migration: BindingDescription["migration"];
  readonly registration?: BindingRegistration;
}

/** What registrations of a pod's bindings say, and their bindings do not do. */
export interface RegistrationConflicts {
  /** Two would wire the same namespace. */
  readonly owners: readonly Violation[];
  /** The VM is migrated, or not, against what its binding can do. */
  readonly migration: readonly Violation[];
}

/** Holds the registrations of a pod's bindings against what the bindings say, with the VM's own field paths. */
export function registrationConflicts(
  vmi: Vmi,
  served: ReadonlyMap<string, RegisteredNicBinding>,
): RegistrationConflicts {
  const found = pluginNics(vmi, served).map(({ binding, index, network }) => {
    const at = (conflict: Conflict | undefined): readonly Violation[] =>
      conflict === undefined ? [] : [{ ...conflict, field: `${INTERFACES_PATH}[${index}].binding.name` }];
    const { registration, migration } = served.get(binding) ?? { migration: "none" };
    return {
      owners: at(ownerConflict(binding, registration)),
      migration: at(network.pod === undefined ? undefined : migrationConflict(binding, registration, migration)),
    };
  });
  return { owners: found.flatMap(({ owners }) => owners), migration: found.flatMap(({ migration }) => migration) };
}

/**
 * The pod link of each network, by logical name. The primary one is what the pod's own report marks as the default, else
 * what the VMI's status says (KubeVirt's, of the pod that it runs in), else `eth0`.
 */
function podLinksOf(vmi: Vmi, statuses: readonly NetworkStatus[]): ReadonlyMap<string, string> {
  const networks = networksOf(vmi);
  const primary = networks.find(isPrimary);
  const names = new Map(linkNamesOfPod(networks, linksOf(statuses)));
  if (primary === undefined) return names;
  return names.set(primary.name, podLinkOfStatus(primaryLinkOf(statuses) ?? podLinkName(vmi, primary)));
}

/**
 * Decides about the NICs of a pod that its sidecars serve; what KubeVirt or others attach is left to them.
 *
 * @throws BindingError POD_LINK_MISSING where the pod's report names a primary link that no link can be
 */
export function decidePod({ vmi, statuses, served }: DecidePodInput): NicsDecision {
  const names = podLinksOf(vmi, statuses);
  const found = pluginNics(vmi, served);
  const bindings = [...new Set(found.map(({ binding }) => binding))].sort();
  return {
    // The pod has its sidecars: what is registered by now is of no matter to it.
    bindings: bindings.map((name) => ({ name, from: "registered" })),
    nics: found.map((nic) => {
      const link = names.get(nic.network.name);
      const inPod = link === undefined ? undefined : derivedNames(nic.network, link);
      return decidedNic(vmi, nic, served.get(nic.binding)?.takesPodMac === true, inPod);
    }),
  };
}
