import type { Attachment, NicSpec } from "./attachment.ts";
import { placeOfCaller } from "./author-location.ts";
import { checkedAdmit, checkedDefinition, checkedNeeds, checkedPlan } from "./checked-hooks.ts";
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

const admitAll: AdmitHook = () => [];
const needsNothing: NeedsHook = () => ({});

/** The bindings that were defined here: an object of the same shape may be anybody's. */
const DEFINED = new WeakSet<object>();

function define(definition: unknown, what: string, place: string | undefined): Binding {
  const {
    name,
    contract,
    migration,
    takesPodMac = false,
    plan,
    admit = admitAll,
    needs = needsNothing,
  } = checkedDefinition(definition, what, place);
  const binding: Binding = Object.freeze({
    name,
    contract,
    migration,
    takesPodMac,
    plan: checkedPlan(plan, place),
    // These two say that the author declared no such hook.
    admit: admit === admitAll ? admit : checkedAdmit(admit, place),
    needs: needs === needsNothing ? needs : checkedNeeds(needs, place),
  });
  DEFINED.add(binding);
  return binding;
}

/**
 * Defines a binding: checks the definition, fills the optional hooks in and freezes the object. What its hooks return is
 * checked too, each time.
 *
 * @throws BindingError PLUGIN_FAILED with all that is wrong with the definition
 */
export const defineBinding = (definition: BindingDefinition): Binding =>
  define(definition, "the definition of the binding", placeOfCaller());

/**
 * The binding that a module exports: what {@link defineBinding} made, or an object that it takes.
 *
 * @throws BindingError PLUGIN_FAILED with all that is wrong with it
 */
export const exportedBinding = (exported: unknown): Binding =>
  typeof exported === "object" && exported !== null && DEFINED.has(exported)
    ? (exported as Binding)
    : define(exported, "the module's default export, which defines the binding,", undefined);

/** What a binding says of itself. */
export const describe = (binding: Binding): BindingDescription => ({
  name: binding.name,
  contract: binding.contract,
  migration: binding.migration,
  takesPodMac: binding.takesPodMac,
  hooks: [
    ...(binding.admit === admitAll ? [] : (["admit"] as const)),
    ...(binding.needs === needsNothing ? [] : (["needs"] as const)),
    "plan",
  ],
});
