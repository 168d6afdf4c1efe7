import { ALL_CHECKS, IGNORE_CHECK } from "@netbind/kubevirt/admission";
import type { InputVm } from "./input-vm.ts";
import type { InputFinding } from "./input-finding.ts";

/** The ids in a list with commas, in capitals as rules have them. */
export const ruleIds = (text: string): readonly string[] =>
  text
    .split(",")
    .map((id) => id.trim())
    .filter((id) => id !== "");

const CONSEQUENCES = new Map(ALL_CHECKS.map(({ id, consequence }) => [id, consequence]));

/** Why a rule cannot be ignored; undefined for one that can. */
export function whyNotIgnored(id: string): string | undefined {
  const consequence = CONSEQUENCES.get(id);
  if (consequence === undefined) return `there is no rule ${JSON.stringify(id)}`;
  return consequence === "rejected" ? `KubeVirt refuses a VM that breaks ${id}, so it cannot be ignored` : undefined;
}

/** The rules whose warnings a VM's annotation ignores. */
export const ignoredIn = ({ ignores }: InputVm): ReadonlySet<string> =>
  new Set(ignores.flatMap(({ text }) => ruleIds(text)).filter((id) => whyNotIgnored(id) === undefined));

/** What a VM's annotation lists in vain. */
export const checkIgnored = ({ ignores }: Pick<InputVm, "ignores">): readonly InputFinding[] =>
  ignores.flatMap(({ text, locate }) =>
    ruleIds(text).flatMap((id) => {
      const problem = whyNotIgnored(id);
      const { fix, reason, consequence, outcome = "", id: rule } = IGNORE_CHECK;
      return problem === undefined
        ? []
        : [{ ...locate({ field: "", problem, fix, rule }), rule, reason, consequence, outcome }];
    }),
  );

/** Marks the warnings of rules that are ignored. What KubeVirt refuses is never ignored. */
export const markIgnored = (findings: readonly InputFinding[], rules: ReadonlySet<string>): readonly InputFinding[] =>
  findings.map((finding) =>
    finding.consequence !== "rejected" && rules.has(finding.rule) ? { ...finding, ignored: true } : finding,
  );
