import type { Vmi } from "../api.ts";
import { limitRepeated } from "../values/limit-repeated.ts";
import { INTERFACES_PATH, interfacesOf } from "../vmi.ts";
import { OTHER_METHODS } from "./translate-removed-bindings.ts";
import { type CodedViolation, type Finding, isFatal, validateVmi, type ValidationContext } from "./validate-vmi.ts";

/** Rules that want another binding for an interface: what a binding reads is seen once it is the right one. */
const OF_ANOTHER_BINDING: readonly string[] = [
  "MAP-2",
  "BIND-1",
  "BIND-2",
  "BIND-4",
  "PASST-1",
  "PASST-2",
  "DISC-1",
  "DISC-2",
  "DISC-3",
  "MESH-1",
  "CNI-2",
  "CNI-3",
  "CNI-4",
];

/**
 * Rules that look at what others have found wrong with the same interface: what they find is gone once that is corrected, or
 * is not, and their fix may contradict the other's.
 */
const FOLLOWING: ReadonlyMap<string, readonly string[]> = new Map([
  ["FIELD-2", OF_ANOTHER_BINDING],
  // The plugin that replaces the key is asked the same.
  ["MACVTAP-1", ["DISC-3"]],
  // What removed the binding, or its network, is first: a permission or a gate would not help.
  ["OLD-1", ["DISC-1"]],
  ["OLD-2", ["DISC-1", "OLD-1"]],
  ["OLD-3", ["OLD-4"]],
  ["OLD-5", ["OLD-6"]],
  ["PASST-1", ["PASST-2"]],
  // The gate is listed for the key, and both are answered by writing a plugin.
  ["FG-1-passt", ["DISC-2"]],
  ["FG-1-macvtap", ["DISC-3"]],
]);

/** The interface that a finding is of; the field itself where it is of none. */
const nicOf = ({ field }: Finding): string => /^spec\.domain\.devices\.interfaces\[\d+\]/.exec(field)?.[0] ?? field;

/**
 * One mistake is one finding. An interface whose only binding is one that KubeVirt removed is not one without a binding too,
 * and what follows from a mistake is not reported beside it.
 */
function withoutFollowUps(findings: readonly Finding[], vmi: Vmi): readonly Finding[] {
  if (findings.length < 2) return findings;
  const known = new Set(findings.map((found) => `${found.rule.id} ${nicOf(found)}`));
  const removed = new Set(findings.filter(({ rule }) => rule.id.startsWith("DISC-")).map(nicOf));
  const covered = interfacesOf(vmi).flatMap((nic, at) =>
    OTHER_METHODS.every((key) => nic[key] === undefined) ? [`${INTERFACES_PATH}[${at}]`] : [],
  );
  const isAnswered = ({ rule, field }: Finding): boolean =>
    rule.id === "BIND-1" && removed.has(field) && covered.includes(field);
  const follows = (found: Finding): boolean =>
    (FOLLOWING.get(found.rule.id) ?? []).some((id) => known.has(`${id} ${nicOf(found)}`));
  return findings.filter((found) => !isAnswered(found) && !follows(found));
}

/** What is wrong with a VM, each mistake once: what people read. KubeVirt's own answers are those of {@link validateVmi}. */
export const findMistakes = (vmi: Vmi, context: ValidationContext): readonly Finding[] =>
  limitRepeated(withoutFollowUps(validateVmi(vmi, context), vmi), ({ rule }) => rule.id);

/** Everything that prevents a VM from starting on a cluster, of the newest version where none is named. */
export const admitVmi = (vmi: Vmi, cluster: Omit<ValidationContext, "operation">): readonly CodedViolation[] =>
  findMistakes(vmi, cluster)
    .filter(isFatal)
    .map(({ field, problem, fix, rule }) => ({ field, problem, fix, rule: rule.id }));
