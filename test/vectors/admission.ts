import { type Finding, validateVmi } from "@netbind/kubevirt/admission";
import { AGREED, completeVmi, failed, type Outcome, type Vector, type VmiInput } from "./vector.ts";

interface Cause {
  readonly reason: string;
  readonly field: string;
}
interface Result {
  readonly causes: readonly Cause[] | null;
  readonly causesUpdate: readonly Cause[] | null;
}

const asSet = (causes: readonly Cause[]): readonly string[] =>
  [...new Set(causes.map(({ reason, field }) => `${reason} ${field}`))].sort();

/** A finding in KubeVirt's words: its path and its reason, where those differ from ours. */
const inKubevirtsWords = ({ rule, field }: Finding): Cause => ({
  reason: rule.kubevirt?.reason ?? rule.reason,
  field: rule.kubevirt?.field?.(field) ?? field,
});

/** The findings that KubeVirt would report: of a rule that stops at its first, the first. */
const reportedByKubevirt = (findings: readonly Finding[]): readonly Finding[] =>
  findings.filter(
    ({ rule }, at) => rule.kubevirt?.firstOnly !== true || findings.findIndex((other) => other.rule === rule) === at,
  );

/** True where KubeVirt's words for a finding are not ours. */
const differs = ({ rule }: Finding, all: readonly Finding[]): boolean =>
  rule.kubevirt !== undefined &&
  (rule.kubevirt.firstOnly !== true || all.filter((other) => other.rule === rule).length > 1);

/** Compares the network rules' answers at creation and update, as sets of reason and field. */
export function admission({ input, result }: Vector<VmiInput, Result>): Outcome {
  const vmi = completeVmi(input.vmi);
  const deviations = new Set<string>();
  for (const operation of ["create", "update"] as const) {
    const findings = validateVmi(vmi, { configuration: input.kubevirtConfig ?? {}, operation }).filter(
      ({ rule }) => rule.judge === "network" || rule.judge === "creation",
    );
    const theirs = asSet((operation === "create" ? result.causes : result.causesUpdate) ?? []);
    const ours = asSet(findings);
    if (ours.join() === theirs.join()) continue;
    const translated = asSet(reportedByKubevirt(findings).map(inKubevirtsWords));
    if (translated.join() !== theirs.join()) {
      return failed(
        `${operation}: ours ${translated.join(" | ") || "accepts"}\n    theirs ${theirs.join(" | ") || "accepts"}`,
      );
    }
    for (const { rule } of findings.filter((finding) => differs(finding, findings))) deviations.add(rule.id);
  }
  return deviations.size === 0 ? AGREED : { verdict: "deviating", deviations: [...deviations] };
}
