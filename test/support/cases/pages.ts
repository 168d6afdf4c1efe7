/** Pages that are made from the engine's data. */
import { ALL_CHECKS, type RuleText } from "@netbind/kubevirt/admission";
import { formatVersion } from "@netbind/kubevirt";

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("<", "&lt;");

const versions = ({ since, until }: RuleText): string => {
  if (since === undefined && until === undefined) return "all";
  return `${since === undefined ? "" : formatVersion(since)}–${until === undefined ? "" : formatVersion(until)}`;
};

const PARTS: readonly { readonly title: string; readonly of: (rule: RuleText) => boolean; readonly says: string }[] = [
  {
    title: "What KubeVirt refuses",
    of: ({ consequence }) => consequence === "rejected",
    says: "A VM that breaks one of these is refused by the cluster's API. `netbind validate` exits with 1.",
  },
  {
    title: "What is accepted, and cannot work",
    of: ({ consequence }) => consequence === "neverStarts",
    says: "KubeVirt does not look. `netbind validate` warns, `netbind run` refuses.",
  },
  {
    title: "What is accepted, and waits or has no effect",
    of: ({ consequence }) => consequence === "pending" || consequence === "ignored",
    says: "`netbind validate` warns.",
  },
];

/** The page of all rules. */
export function rulesPage(): string {
  const parts = PARTS.map(({ title, of, says }) => {
    const rows = ALL_CHECKS.filter(of).map((rule) =>
      [rule.id, versions(rule), rule.means, rule.why, rule.fix].map(cell).join(" | "),
    );
    return [
      `## ${title}`,
      "",
      says,
      "",
      "| rule | versions | it says | why | what to do |",
      "| --- | --- | --- | --- | --- |",
      ...rows.map((row) => `| ${row} |`),
    ].join("\n");
  });
  return [
    "# Rules",
    "",
    "What is asked of a VM's networks and interfaces, by KubeVirt's version. `netbind explain RULE` says the same. Made from the rules themselves; a test keeps it current.",
    "",
    parts.join("\n\n"),
    "",
  ].join("\n");
}
