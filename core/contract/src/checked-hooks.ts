import type { AdmitHook, BindingDefinition, Hook, NeedsHook, PlanHook } from "./binding-definition.ts";
import { DEFINITION_SHAPE, NEEDS_SHAPE, PLAN_SHAPE, VIOLATIONS_SHAPE } from "./contract-shapes.ts";
import { BINDING_FAULT, BindingError } from "./errors.ts";
import { check, type Shape } from "./shape.ts";
import { snapshot } from "./snapshot.ts";
import type { Violation } from "./violation.ts";

/** As many problems as a person reads. */
const MOST_PROBLEMS = 20;

/** What each hook returns: in words, and as a shape. */
const RETURNS: Readonly<Record<Hook, { readonly what: string; readonly shape: Shape }>> = {
  admit: { what: "a list of violations", shape: VIOLATIONS_SHAPE },
  needs: { what: "what a pod needs", shape: NEEDS_SHAPE },
  plan: { what: "a plan", shape: PLAN_SHAPE },
};

/** The fix is said where it says more than the problem. */
const sentence = ({ field, problem, fix }: Violation): string =>
  `${field === "" ? "" : `${field}: `}${problem}${/^(write|add) /.test(fix) ? "" : ` (${fix})`}`;

function invalid(what: string, problems: readonly string[], location: string | undefined): BindingError {
  const more = problems.length - MOST_PROBLEMS;
  const found = [...problems.slice(0, MOST_PROBLEMS), ...(more > 0 ? [`and ${more} more`] : [])].join("; ");
  return new BindingError(
    "PLUGIN_FAILED",
    `${what}: ${found}${location === undefined ? "" : ` (defined at ${location})`}`,
    BINDING_FAULT,
  );
}

/** True for what is waited for: a hook's value comes at once. Where it fails later, no caller is left. */
function isPromise(value: unknown): boolean {
  if (typeof value !== "object" || value === null || !("then" in value) || typeof value.then !== "function")
    return false;
  if (value instanceof Promise) value.catch(() => undefined);
  return true;
}

/**
 * Checks what a hook returned, or what crossed the wire of it, and copies it, so that it stays what was checked.
 *
 * @throws BindingError PLUGIN_FAILED with all that is wrong with it
 */
export function checkReturned<R>(hook: Hook, returned: R, location?: string): R {
  const { what, shape } = RETURNS[hook];
  const wrong = `what ${hook} returned is not ${what}`;
  if (isPromise(returned))
    throw invalid(wrong, ["it is a promise (return the value itself: a hook is not async)"], location);
  const copy = snapshot(returned);
  const problems = check(copy, shape, "");
  if (problems.length > 0) throw invalid(wrong, problems.map(sentence), location);
  return copy as R;
}

/** A hook whose return value is checked before it is used. */
const checkedHook =
  <Q, R>(hook: Hook, ask: (request: Q) => R, location: string | undefined): ((request: Q) => R) =>
  (request) =>
    checkReturned(hook, ask(request), location);

/** An author's hooks, each with its return value checked. */
export const checkedAdmit = (admit: AdmitHook, location: string | undefined): AdmitHook =>
  checkedHook("admit", admit, location);
export const checkedNeeds = (needs: NeedsHook, location: string | undefined): NeedsHook =>
  checkedHook("needs", needs, location);
export const checkedPlan = (plan: PlanHook, location: string | undefined): PlanHook =>
  checkedHook("plan", plan, location);

/** Reads what an author defines, which `what` names. @throws BindingError PLUGIN_FAILED with all that is wrong */
export function checkedDefinition(definition: unknown, what: string, location: string | undefined): BindingDefinition {
  const wrong = `${what} is not valid`;
  if (isPromise(definition)) throw invalid(wrong, ["it is a promise (give the object itself)"], location);
  const copy = snapshot(definition);
  const problems = check(copy, DEFINITION_SHAPE, "");
  if (problems.length > 0) throw invalid(wrong, problems.map(sentence), location);
  return copy as BindingDefinition;
}
