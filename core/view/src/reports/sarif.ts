import { terminalLine } from "@netbind/engine/terminal";
import type { RuleText } from "@netbind/kubevirt/admission";
import { describeFinding, nameOfObject, outcomeOf, type ShownFinding } from "../format-finding.ts";
import { guideOf } from "./guide.ts";
import type { Report } from "./report.ts";

const SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

const levelOf = ({ consequence }: Pick<RuleText, "consequence">): "error" | "warning" =>
  consequence === "rejected" ? "error" : "warning";

/** A file as a relative reference, or as a file URI. Standard input has no other name than that. */
const uriOf = (file: string): string =>
  `${file.startsWith("/") ? "file://" : ""}${file.replaceAll("\\", "/").split("/").map(encodedSegment).join("/")}`;

/** A colon in the first segment of a relative reference would end a scheme. */
const encodedSegment = (segment: string): string => encodeURIComponent(segment.toWellFormed());

const helpOf = (rule: RuleText): string =>
  `${rule.why} Fix: ${rule.fix}. Run netbind explain ${rule.id} for its versions.`;

const descriptorOf = (rule: RuleText): object => ({
  id: rule.id,
  shortDescription: { text: rule.means },
  fullDescription: { text: `${rule.means} ${rule.why}` },
  helpUri: guideOf(rule),
  help: { text: helpOf(rule), markdown: `${rule.why}\n\n**Fix:** ${rule.fix}\n\n\`netbind explain ${rule.id}\`` },
  defaultConfiguration: { level: levelOf(rule) },
  properties: { tags: ["kubevirt", "network"], outcome: outcomeOf(rule) },
});

function resultOf(finding: ShownFinding, indices: ReadonlyMap<string, number>): object {
  const { file, line, column, rule, field } = finding;
  const subject = [nameOfObject(finding), field].filter((text) => text !== "").join(": ");
  return {
    ruleId: rule,
    ...(indices.has(rule) ? { ruleIndex: indices.get(rule) } : {}),
    level: levelOf(finding),
    message: { text: terminalLine(describeFinding(finding)) },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: uriOf(file) },
          region: { startLine: line, startColumn: column },
        },
        ...(subject === "" ? {} : { logicalLocations: [{ fullyQualifiedName: terminalLine(subject) }] }),
      },
    ],
  };
}

const notification = (level: "error" | "note", text: string): object => ({
  level,
  message: { text: terminalLine(text) },
});

/** A report as a SARIF 2.1.0 log. What is ignored is in it, suppressed. */
export function sarifLog(report: Report): object {
  const indices = new Map(report.rules.map(({ id }, index) => [id, index]));
  const suppressed = { suppressions: [{ kind: "external", justification: "ignored by --ignore or an annotation" }] };
  const notifications = [
    ...report.errors.map((text) => notification("error", text)),
    ...report.notChecked.map((text) => notification("note", `not checked: ${text}`)),
  ];
  return {
    $schema: SCHEMA,
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: { name: "netbind", version: report.version, rules: report.rules.map(descriptorOf) },
        },
        columnKind: "utf16CodeUnits",
        ...(report.kubevirt === undefined ? {} : { properties: { kubevirt: report.kubevirt } }),
        invocations: [{ executionSuccessful: report.errors.length === 0, toolExecutionNotifications: notifications }],
        results: [
          ...report.findings.map((finding) => resultOf(finding, indices)),
          ...report.ignored.map((finding) => ({ ...resultOf(finding, indices), ...suppressed })),
        ],
      },
    ],
  };
}
