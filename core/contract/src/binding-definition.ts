import type { Attachment, NicSpec } from "./attachment.ts";
import type { Needs } from "./needs.ts";
import type { Plan } from "./plan.ts";
import type { Violation } from "./violation.ts";

/** The contract's versions. A plugin names the one that it was written for; an unknown one is refused. */
export type ContractVersion = "v1alpha1";

/**
 * What a live migration means for a NIC on the pod network: not possible, possible, or possible with the guest's link set down
 * and up. The registration follows it; on other networks KubeVirt migrates a VM whatever its bindings say.
 */
export type Migration = "none" | "supported" | "link-refresh";

/** All that is wrong with a NIC for this binding. Pure; never throws for bad input. */
export type AdmitHook = (nic: NicSpec) => readonly Violation[];
/** What a pod must have for the NIC. Pure. */
export type NeedsHook = (nic: NicSpec) => Needs;
/** What the NIC's network and domain look like. Pure: the same attachment gives the same plan. */
export type PlanHook = (attachment: Attachment) => Plan;

/** What an author writes: four required fields, three optional ones. */
export interface BindingDefinition {
  /** The name that the binding is released under. Its registered name may differ: never rely on it. */
  readonly name: string;
  readonly contract: ContractVersion;
  readonly migration: Migration;
  readonly plan: PlanHook;
  /** True where the guest has the pod link's MAC address, unless its author names another. False where it is not said. */
  readonly takesPodMac?: boolean;
  readonly admit?: AdmitHook;
  readonly needs?: NeedsHook;
}

/** A defined binding: every hook is there. */
export type Binding = Required<BindingDefinition>;

/** The functions that a binding may declare beside `plan`. */
export type Hook = "admit" | "needs" | "plan";

/** A binding's answer to Describe. A hook that is not listed is never called. */
export interface BindingDescription {
  readonly name: string;
  readonly contract: string;
  readonly migration: Migration;
  readonly takesPodMac: boolean;
  readonly hooks: readonly Hook[];
}
