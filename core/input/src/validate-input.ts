import { defined } from "@netbind/contract";
import {
  defaultVmi,
  type DescribedBindings,
  type Finding,
  findMistakes,
  sanitizeVmi,
  validateClone,
  validateCluster,
  validateMigration,
  validateNad,
  type ValidationContext,
} from "@netbind/kubevirt/admission";
import { interfacesOf, type KubevirtMinor, NEWEST_KUBEVIRT, type Vmi } from "@netbind/kubevirt";
import type { InputViolation } from "./documents.ts";
import { checkIgnored, ignoredIn, markIgnored } from "./ignored-rules.ts";
import type { Input } from "./input.ts";
import type { InputFinding } from "./input-finding.ts";
import { surroundingsOf } from "./surroundings.ts";
import type { InputVm } from "./input-vm.ts";

/** What an input is held against. */
export interface ValidationOptions {
  /** Default: the newest. */
  readonly kubevirtVersion?: KubevirtMinor;
  readonly operation: "create" | "update";
}

const schemaFinding = (found: InputViolation): InputFinding => ({
  rule: "SCHEMA",
  ...found,
  reason: "FieldValueInvalid",
  consequence: "rejected",
});

/** What comes of a key that is written twice. */
export const duplicateFinding = (found: InputViolation): InputFinding => ({
  rule: "DUPLICATE-KEY",
  ...found,
  reason: "FieldValueDuplicate",
  consequence: "ignored",
  outcome: "one of the two values is lost",
});

const findingsOf = (findings: readonly Finding[], locate: InputVm["locate"]): readonly InputFinding[] =>
  findings.map(({ rule, reason, ...found }) => ({
    ...locate(found),
    rule: rule.id,
    reason,
    consequence: rule.consequence,
    ...defined({ outcome: rule.outcome }),
  }));

/** A VM as the API server and the webhooks would have completed it before they look at it. */
export const completedVmi = ({ vmi }: InputVm, { configuration }: Input): Vmi =>
  defaultVmi(sanitizeVmi(vmi), configuration).vmi;

/** A NIC on the pod network without a binding may get one from a preference that nobody has seen. */
const withoutUnknown = (findings: readonly Finding[], { openNics }: InputVm): readonly Finding[] =>
  findings.filter(({ rule, field }) => !["BIND-1", "BIND-5"].includes(rule.id) || !openNics.includes(field));

/** What is known beside a VM, the same for all of an input. */
type Known = Pick<ValidationContext, "described" | "surroundings">;

function validateVm(vm: InputVm, input: Input, options: ValidationOptions, known: Known): readonly InputFinding[] {
  const vmi = completedVmi(vm, input);
  const findings = findMistakes(vmi, {
    configuration: input.configuration,
    version: options.kubevirtVersion ?? NEWEST_KUBEVIRT,
    operation: options.operation,
    ...known,
    ...(vm.copies === undefined ? {} : { copies: vm.copies }),
    ...(input.nads.length === 0 && input.sources === "the input" ? {} : { nads: input.nads }),
  });
  return markIgnored([...findingsOf(withoutUnknown(findings, vm), vm.locate), ...checkIgnored(vm)], ignoredIn(vm));
}

/** What is said of the migrations of VMs that are in the input, by what runs of them where that is. Of another VM nothing is known. */
const validateMigrations = (input: Input): readonly InputFinding[] =>
  input.migrations.flatMap(({ value: { spec }, namespace, locate }) =>
    [...input.running, ...input.vms]
      .filter(({ vmi: { metadata } }) => metadata.name === spec.vmiName && metadata.namespace === namespace)
      .slice(0, 1)
      .flatMap((vm) => findingsOf(validateMigration(completedVmi(vm, input), input.configuration), locate)),
  );

/** The plugins that an input's VMs name. */
const usedPlugins = ({ vms, templates }: Input): ReadonlySet<string> =>
  new Set([...vms, ...templates].flatMap(({ vmi }) => interfacesOf(vmi).flatMap(({ binding }) => binding?.name ?? [])));

/** Rules of the CR, with those of VMs that say the same where a VM of the input breaks them. */
const SAID_AT_VM: ReadonlyMap<string, readonly string[]> = new Map([
  ["CR-2", ["DEFAULT-1"]],
  ["CR-4", ["FG-1-passt", "FG-1-macvtap"]],
]);

/** What is said of the CR that configures the cluster: the mistakes that no VM of the input is concerned by. */
function validateCr(
  input: Input,
  ofVms: readonly InputFinding[],
  { kubevirtVersion: version = NEWEST_KUBEVIRT }: ValidationOptions,
  described: DescribedBindings,
): readonly InputFinding[] {
  const { configuration, cr } = input;
  if (cr === undefined) return [];
  const known = new Set(ofVms.map(({ rule }) => rule));
  const found = validateCluster({ configuration, version, described, usedPlugins: usedPlugins(input) });
  const located = findingsOf(
    found.filter(({ rule }) => !(SAID_AT_VM.get(rule.id) ?? []).some((id) => known.has(id))),
    cr.locate,
  );
  // What a field is missed by may be there under a wrong name.
  const isFollowUp = (one: InputFinding): boolean =>
    input.violations.some(({ file, field }) => file === one.file && field.startsWith(`${one.field}.`));
  return located.filter((one) => !isFollowUp(one));
}

/** Validates all VMs of an input, and what is asked for them, as they are written: findings in the order of the input's lines. */
export function validateInput(
  input: Input,
  options: ValidationOptions,
  described: DescribedBindings,
): readonly InputFinding[] {
  const known = { described, surroundings: surroundingsOf(input) };
  const ofVms = [...input.vms, ...input.templates].flatMap((vm) => validateVm(vm, input, options, known));
  const all = [
    ...input.violations.map(schemaFinding),
    ...input.duplicates.map(duplicateFinding),
    ...ofVms,
    ...validateCr(input, ofVms, options, described),
    ...input.definitions.flatMap(({ value, locate }) => findingsOf(validateNad(value), locate)),
    ...input.clones.flatMap(({ value, locate }) => findingsOf(validateClone(value), locate)),
    ...validateMigrations(input),
  ];
  return inOrder(all);
}

/** Findings in the order of files and their lines. */
export const inOrder = (all: readonly InputFinding[]): readonly InputFinding[] =>
  [...all].sort((a, b) => (a.file === b.file ? a.line - b.line || a.column - b.column : a.file < b.file ? -1 : 1));
