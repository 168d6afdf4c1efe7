import type { Violation } from "@netbind/contract";
import { terminalLine } from "@netbind/engine";
import type { RuleText } from "@netbind/kubevirt/admission";
import { count } from "./table.ts";

/** A violation, and where the text is that it is about. */
export interface ShownViolation extends Violation {
  readonly file: string;
  readonly line: number;
}

/** What a rule, or what asks in its name, found. */
export interface ShownFinding extends ShownViolation {
  /** The rule's id. */
  readonly rule: string;
  readonly consequence: RuleText["consequence"];
}

/** A violation as text: one line for what is wrong, one for what to do. What it quotes may be anything. */
export const formatViolation = ({ file, line, field, problem, fix }: ShownViolation, word = ""): string =>
  `${terminalLine(file)}:${line}: ${word}${field === "" ? "" : `${terminalLine(field)}: `}${terminalLine(problem)}\n    fix: ${terminalLine(fix)}`;

const WORDS: Readonly<Record<ShownFinding["consequence"], string>> = {
  rejected: "error",
  neverStarts: "warning: accepted, and cannot work",
  pending: "warning: accepted, and waits",
  ignored: "warning: accepted, and has no effect",
};

/** A finding as text, with what comes of it and its rule's id. */
export const formatFinding = (finding: ShownFinding): string =>
  formatViolation(finding, `${WORDS[finding.consequence]} [${finding.rule}] `);

/** All findings, and last how many they are of how many VMs; `failed` are the plugins that did not answer. */
export function formatFindings(
  findings: readonly ShownFinding[],
  vms: number,
  failed: readonly unknown[] = [],
): string {
  const errors = findings.filter(({ consequence }) => consequence === "rejected");
  const warnings = findings.filter(({ consequence }) => consequence !== "rejected");
  const tail = [
    count(errors, "violation"),
    count(warnings, "warning"),
    ...(failed.length === 0 ? [] : [`${count(failed, "plugin")} failed`]),
  ];
  return [...findings.map(formatFinding), `${vms} VM${vms === 1 ? "" : "s"}: ${tail.join(", ")}`].join("\n");
}
