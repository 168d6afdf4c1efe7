import type { CodedViolation, RuleText } from "@netbind/kubevirt/admission";
import { cleanLine, plain, type StyledLine, styled, unstyled } from "./styled-text.ts";
import { count } from "./table.ts";

/** A violation, and where the text is that it is about: its object, and its place in a file, both numbers from 1. */
export interface ShownViolation extends CodedViolation {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly object?: { readonly kind: string; readonly namespace: string; readonly name: string };
  readonly excerpt?: { readonly text: string; readonly caret: number };
}

/** What a rule, or what asks in its name, found. */
export interface ShownFinding extends ShownViolation {
  /** The rule's id. */
  readonly rule: string;
  readonly consequence: RuleText["consequence"];
  /** What comes of it, where the consequence alone says too little. */
  readonly outcome?: string;
}

const OUTCOMES: Readonly<Record<Exclude<RuleText["consequence"], "rejected">, string>> = {
  neverStarts: "cannot work",
  pending: "the VM stays Pending",
  ignored: "without the intended effect",
};

/** What comes of a finding, for one that KubeVirt accepts. */
export const outcomeOf = ({ consequence, outcome }: Pick<ShownFinding, "consequence" | "outcome">): string =>
  consequence === "rejected" ? "refused by KubeVirt" : `accepted, but ${outcome ?? OUTCOMES[consequence]}`;

/** `VirtualMachine default/web`; nothing where the text is not an object. */
export const nameOfObject = ({ object }: Pick<ShownViolation, "object">): string =>
  object === undefined
    ? ""
    : `${object.kind} ${object.name === "" ? "without a name" : `${object.namespace}/${object.name}`}`;

/** A finding in one sentence, and another for what to do: for programs that show it beside the text. */
export function describeFinding(finding: ShownFinding): string {
  const says = [nameOfObject(finding), finding.field, finding.problem].filter((text) => text !== "").join(": ");
  return `${says} (${outcomeOf(finding)}).${finding.fix === "" ? "" : ` Fix: ${finding.fix}`}`;
}

/** The line of the file that something is on, and below it a caret at its column. */
function excerptLines({ line, excerpt }: ShownViolation): readonly StyledLine[] {
  if (excerpt === undefined || excerpt.text.trim() === "") return [];
  const number = String(line);
  const margin = " ".repeat(number.length);
  const [before, behind] = [excerpt.text.slice(0, excerpt.caret), excerpt.text.slice(excerpt.caret)];
  const [shown] = cleanLine([plain(before.replaceAll("\t", " "))]);
  return [
    cleanLine([styled("dim", `  ${number} | `), plain(`${shown?.text ?? ""}${behind}`)]),
    cleanLine([styled("dim", `  ${margin} | `), plain(" ".repeat(shown?.text.length ?? 0)), styled("error", "^")]),
  ];
}

/** How findings are written. */
export interface FindingFormat {
  /** With the line of the file that each is on. */
  readonly excerpts: boolean;
}

const WITHOUT_EXCERPTS: FindingFormat = { excerpts: false };

/**
 * A violation in lines: what is wrong, in the form that compilers have (`file:line:column: error: text`), and what to do.
 * Whatever it quotes, it is printable.
 */
export function violationLines(
  found: ShownViolation,
  { excerpts }: FindingFormat = WITHOUT_EXCERPTS,
  outcome?: string,
): readonly StyledLine[] {
  const { file, line, column, rule, field, problem, fix } = found;
  const object = nameOfObject(found);
  const head: StyledLine = [
    styled("strong", `${file}:${line}:${column}: `),
    outcome === undefined ? styled("error", "error: ") : styled("warning", "warning: "),
    ...(outcome === undefined ? [] : [plain(`${outcome}: `)]),
    ...(rule === undefined ? [] : [plain(`[${rule}] `)]),
    ...(object === "" ? [] : [styled("strong", `${object}: `)]),
    ...(field === "" ? [] : [styled("strong", `${field}: `)]),
    plain(problem),
  ];
  return [
    cleanLine(head),
    ...(excerpts ? excerptLines(found) : []),
    ...(fix === "" ? [] : [cleanLine([styled("dim", `    fix: ${fix}`)])]),
  ];
}

/** A violation as text: one line for what is wrong, one for what to do. */
export const formatViolation = (found: ShownViolation): string => unstyled(violationLines(found));

/** A finding in lines, with what comes of it and its rule's id. */
export const findingLines = (finding: ShownFinding, format?: FindingFormat): readonly StyledLine[] =>
  violationLines(finding, format, finding.consequence === "rejected" ? undefined : outcomeOf(finding));

/** What was found in an input, and what was not looked at. */
export interface FindingsSummary {
  readonly findings: readonly ShownFinding[];
  /** How many VMs were checked. */
  readonly vms: number;
  /** Plugins that did not answer. */
  readonly failed?: readonly unknown[];
  /** What was found of rules that are ignored. */
  readonly ignored?: readonly ShownFinding[];
}

/** All findings, and last how many they are of how many VMs. */
export function findingsLines(
  { findings, vms, failed = [], ignored = [] }: FindingsSummary,
  format?: FindingFormat,
): readonly StyledLine[] {
  const errors = findings.filter(({ consequence }) => consequence === "rejected");
  const warnings = findings.filter(({ consequence }) => consequence !== "rejected");
  const tail = [
    styled(errors.length > 0 ? "error" : "good", count(errors, "violation")),
    plain(", "),
    styled(warnings.length > 0 ? "warning" : "good", count(warnings, "warning")),
    ...(ignored.length === 0 ? [] : [plain(`, ${ignored.length} ignored (${rulesOf(ignored)})`)]),
    ...(failed.length === 0 ? [] : [plain(", "), styled("error", `${count(failed, "plugin")} failed`)]),
  ];
  return [
    ...findings.flatMap((finding) => findingLines(finding, format)),
    cleanLine([plain(`${vms} VM${vms === 1 ? "" : "s"}: `), ...tail]),
  ];
}

const rulesOf = (findings: readonly ShownFinding[]): string =>
  [...new Set(findings.map(({ rule }) => rule))].sort().join(", ");

/** The same as a text without styles. */
export const formatFindings = (summary: FindingsSummary): string => unstyled(findingsLines(summary));
