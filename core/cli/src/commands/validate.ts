import { defaultVmi, type Judgement, judgeVmi, type KubevirtMinor, NEWEST_KUBEVIRT, sanitiseVmi } from "@netbind/engine";
import type { InputViolation } from "../input/documents.ts";
import { type Input, type InputVm, loadInput } from "../input/load-input.ts";
import { EXIT } from "../exit-codes.ts";
import { type OutputFormat, print, printable, printJson, tell } from "../output.ts";

export interface ValidateOptions {
  readonly filename: readonly string[];
  readonly kubevirtVersion?: KubevirtMinor;
  readonly operation: "create" | "update";
  /** Warnings fail too. */
  readonly strict: boolean;
  readonly output: OutputFormat;
}

/** What was found at one place of the input. */
export interface Verdict extends InputViolation {
  /** A rule's id, or SCHEMA for what is no such object at all. */
  readonly rule: string;
  /** Kubernetes' word for the kind of mistake. */
  readonly reason: string;
  /** `rejected`: the API refuses it. All else is accepted, and comes to this afterwards. */
  readonly consequence: Judgement["rule"]["consequence"];
}

const schemaVerdict = (found: InputViolation): Verdict => ({
  ...found,
  rule: "SCHEMA",
  reason: "FieldValueInvalid",
  consequence: "rejected",
});

function judgeVm(vm: InputVm, input: Input, options: ValidateOptions): readonly Verdict[] {
  const { vmi } = defaultVmi(sanitiseVmi(vm.vmi), input.configuration);
  const judgements = judgeVmi(vmi, {
    configuration: input.configuration,
    version: options.kubevirtVersion ?? NEWEST_KUBEVIRT,
    operation: options.operation,
    ...(input.nads.length === 0 ? {} : { nads: input.nads }),
  });
  return judgements.map(({ rule, reason, ...found }) => ({ ...vm.locate(found), rule: rule.id, reason, consequence: rule.consequence }));
}

/** Judges all VMs of an input, as they are written: verdicts in the order of the input's lines. */
export function judgeInput(input: Input, options: ValidateOptions): readonly Verdict[] {
  const verdicts = [
    ...input.violations.map(schemaVerdict),
    ...[...input.vms, ...input.templates].flatMap((vm) => judgeVm(vm, input, options)),
  ];
  return verdicts.sort((a, b) => (a.file === b.file ? a.line - b.line : a.file < b.file ? -1 : 1));
}

const WORDS: Readonly<Record<Verdict["consequence"], string>> = {
  rejected: "error",
  neverStarts: "warning: accepted, and cannot work",
  pending: "warning: accepted, and waits",
  ignored: "warning: accepted, and has no effect",
};

const showVerdict = ({ file, line, rule, field, problem, fix, consequence }: Verdict): string =>
  `${file}:${line}: ${WORDS[consequence]} [${rule}] ${field === "" ? "" : `${field}: `}${printable(problem)}\n    fix: ${printable(fix)}`;

/** `netbind validate`: what the cluster will say of VMs, and what comes of what it does not say. */
export async function validate(options: ValidateOptions): Promise<number> {
  const input = loadInput(options.filename);
  const verdicts = judgeInput(input, options);
  const errors = verdicts.filter(({ consequence }) => consequence === "rejected");
  const warnings = verdicts.filter(({ consequence }) => consequence !== "rejected");
  const vms = input.vms.length + input.templates.length;
  const passed = errors.length === 0 && (!options.strict || warnings.length === 0);
  if (options.output === "json") {
    printJson({ passed, vms, violations: errors, warnings });
    return passed ? EXIT.ok : EXIT.failed;
  }
  for (const warning of input.warnings) tell(`note: ${warning}`);
  const count = (list: readonly unknown[], word: string): string => `${list.length} ${word}${list.length === 1 ? "" : "s"}`;
  const tail = `${vms} VM${vms === 1 ? "" : "s"}: ${count(errors, "violation")}, ${count(warnings, "warning")}`;
  print([...verdicts.map(showVerdict), tail].join("\n"));
  return passed ? EXIT.ok : EXIT.failed;
}
