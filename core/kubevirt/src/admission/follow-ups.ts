import type { Vmi, VmiInterface } from "../api.ts";
import { limitRepeated } from "../values/limit-repeated.ts";
import { networkMeantBy } from "../nic/network-meant.ts";
import { INTERFACES_PATH, interfacesOf, NETWORKS_PATH, networksOf } from "../vmi.ts";
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
  "SRIOV-1",
];

/**
 * Rules that look at what others have found wrong with the same interface: what they find is gone once that is corrected, or
 * is not, and their fix may contradict the other's.
 */
const FOLLOWING: ReadonlyMap<string, readonly string[]> = new Map([
  ["FIELD-2", OF_ANOTHER_BINDING],
  // Which of two bindings is meant is not known.
  ["REG-1", ["BIND-1"]],
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

/** The interface at a path. */
const nicAt = (vmi: Vmi, path: string): VmiInterface | undefined =>
  interfacesOf(vmi).find((_, at) => path === `${INTERFACES_PATH}[${at}]`);

/** Rules of a network of which it is not known what kind it is: a binding is right or wrong once it is. */
const OF_UNCLEAR_NETWORK: readonly string[] = ["NET-4", "NET-5", "NET-7"];

/** The names of networks without one source. */
const networksWithout = (findings: readonly Finding[], vmi: Vmi): ReadonlySet<string> =>
  new Set(
    networksOf(vmi).flatMap(({ name }, at) => {
      const path = `${NETWORKS_PATH}[${at}]`;
      return findings.some(({ rule, field }) => OF_UNCLEAR_NETWORK.includes(rule.id) && field.startsWith(path))
        ? [name]
        : [];
    }),
  );

/** The field of the network that an interface is meant for whose own name has a slip; none where it is not known. */
function meantNetwork(vmi: Vmi, field: string): readonly string[] {
  const nic = nicAt(vmi, field.replace(/\.name$/, ""));
  const name = nic === undefined ? undefined : networkMeantBy(vmi, nic.name);
  const at = networksOf(vmi).findIndex((network) => network.name === name);
  return at === -1 ? [] : [`${NETWORKS_PATH}[${at}].name`];
}

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
  const misspelt = new Set(
    findings.flatMap(({ rule, field }) => (rule.id === "MAP-2" ? meantNetwork(vmi, field) : [])),
  );
  const isAnswered = ({ rule, field }: Finding): boolean =>
    rule.id === "BIND-1" && removed.has(field) && covered.includes(field);
  const follows = (found: Finding): boolean =>
    (FOLLOWING.get(found.rule.id) ?? []).some((id) => known.has(`${id} ${nicOf(found)}`));
  // The network of an interface whose name has a slip is not one without an interface, and the slip is one mistake.
  const isMeant = ({ rule, field }: Finding): boolean =>
    (rule.id === "MAP-1" && misspelt.has(field)) || (rule.id === "IF-2" && meantNetwork(vmi, field).length > 0);
  const unclear = networksWithout(findings, vmi);
  const isUnclear = (found: Finding): boolean =>
    found.rule.id === "BIND-2" && unclear.has(nicAt(vmi, nicOf(found))?.name ?? "");
  return findings.filter((found) => !isAnswered(found) && !follows(found) && !isMeant(found) && !isUnclear(found));
}

/** What is wrong with a VM, each mistake once: what people read. KubeVirt's own answers are those of {@link validateVmi}. */
export const findMistakes = (vmi: Vmi, context: ValidationContext): readonly Finding[] =>
  limitRepeated(withoutFollowUps(validateVmi(vmi, context), vmi), ({ rule }) => rule.id);

/** Everything that prevents a VM from starting on a cluster, of the newest version where none is named. */
export const admitVmi = (vmi: Vmi, cluster: Omit<ValidationContext, "operation">): readonly CodedViolation[] =>
  findMistakes(vmi, cluster)
    .filter(isFatal)
    .map(({ field, problem, fix, rule }) => ({ field, problem, fix, rule: rule.id }));
