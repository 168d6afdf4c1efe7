import { CLUSTER_FIELDS, OBJECT_FIELDS, VM_FIELDS } from "./explain-fields.ts";
import { INTERFACE_FIELDS, NETWORK_FIELDS } from "./explain-nic-fields.ts";
import type { ExplainedField } from "./explained-field.ts";
import { CHECKS } from "./checks.ts";
import { CLUSTER_RULES } from "./validate-cluster.ts";
import { OBJECT_RULES } from "./validate-objects.ts";
import { RULES } from "./rules/index.ts";
import type { RuleText } from "./rules/rule.ts";

/** A binding, for people. */
export interface ExplainedBinding {
  readonly name: string;
  readonly means: string;
  readonly networks: string;
  /** What the KubeVirt CR says of it. */
  readonly registration: string;
  readonly guestAddress: string;
  readonly ports: string;
  readonly migration: string;
  /** Whether a NIC of it can be added to a running VM. */
  readonly hotplug: string;
}

/** The fields that rules look at. */
export const FIELDS: readonly ExplainedField[] = [
  ...VM_FIELDS,
  ...NETWORK_FIELDS,
  ...INTERFACE_FIELDS,
  ...CLUSTER_FIELDS,
  ...OBJECT_FIELDS,
];

/** Every rule, of VMs and of what names them. */
export const ALL_RULES: readonly RuleText[] = [...RULES, ...OBJECT_RULES, ...CLUSTER_RULES];

/** Every rule and every other check: whatever a finding may name. */
export const ALL_CHECKS: readonly RuleText[] = [...ALL_RULES, ...CHECKS];

/** What a word means: a rule's id, a binding's name, a field's path or the end of one. */
export interface Explanation {
  readonly rules: readonly RuleText[];
  readonly bindings: readonly ExplainedBinding[];
  readonly fields: readonly ExplainedField[];
}

const plain = (path: string): string => path.replace(/\[\d*\]/g, "").toLowerCase();

/** Finds all that a word may mean, a name of `bindings` too; case does not count. */
export function explain(word: string, bindings: readonly ExplainedBinding[]): Explanation {
  const query = plain(word.trim());
  const isPath = ({ path }: ExplainedField): boolean => plain(path) === query || plain(path).endsWith(`.${query}`);
  const families = ALL_CHECKS.filter(
    ({ id }) => id.toLowerCase() === query || id.toLowerCase().replace(/-[^-]*$/, "") === query,
  );
  return {
    rules: families,
    bindings: bindings.filter(({ name }) => name === query || (name === "passt" && query === "passtbinding")),
    fields: FIELDS.filter(isPath),
  };
}
