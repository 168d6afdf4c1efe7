import { locationOfCaller } from "./author-location.ts";
import type { AdmitHook, Binding, BindingDefinition, BindingDescription, NeedsHook } from "./binding-definition.ts";
import { checkedAdmit, checkedDefinition, checkedNeeds, checkedPlan } from "./checked-hooks.ts";

const admitAll: AdmitHook = () => [];
const needsNothing: NeedsHook = () => ({});

/** The bindings that were defined here: an object of the same shape may come from elsewhere. */
const DEFINED = new WeakSet<object>();

function define(definition: unknown, what: string, location: string | undefined): Binding {
  const {
    name,
    contract,
    migration,
    takesPodMac = false,
    plan,
    admit = admitAll,
    needs = needsNothing,
  } = checkedDefinition(definition, what, location);
  const binding: Binding = Object.freeze({
    name,
    contract,
    migration,
    takesPodMac,
    plan: checkedPlan(plan, location),
    // These two say that the author declared no such hook.
    admit: admit === admitAll ? admit : checkedAdmit(admit, location),
    needs: needs === needsNothing ? needs : checkedNeeds(needs, location),
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
  define(definition, "the definition of the binding", locationOfCaller());

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
