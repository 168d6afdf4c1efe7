import type { Violation } from "@netbind/contract";
import type { KubevirtConfiguration, NetworkAttachmentDefinition, Vmi } from "../api.ts";
import { RULES } from "./rules/index.ts";
import {
  type DescribedBindings,
  type RuleFinding,
  type Reason,
  type Rule,
  type RuleText,
  type RuleContext,
  subjectOf,
} from "./rules/rule.ts";
import type { Surroundings } from "./surroundings.ts";
import { type KubevirtMinor, NEWEST_KUBEVIRT } from "../versions.ts";
import { INTERFACES_PATH } from "../vmi.ts";

/** A violation, and the id of the rule or the check that found it, which `netbind explain` knows. */
export interface CodedViolation extends Violation {
  readonly rule?: string;
}

/** A place where a rule does not hold, and the rule. */
export interface Finding extends Violation {
  readonly rule: RuleText;
  readonly reason: Reason;
}

/** What a VM is checked for. */
export interface ValidationContext {
  readonly configuration: KubevirtConfiguration;
  /** The version of KubeVirt whose rules are asked; the newest where none is given. */
  readonly version?: KubevirtMinor;
  /** An update is not asked what only a creation is; creation where none is given. */
  readonly operation?: "create" | "update";
  readonly nads?: readonly NetworkAttachmentDefinition[];
  /** What the bindings that Netbind serves say of themselves, by registered name. Absent: none can be asked. */
  readonly described?: DescribedBindings;
  /** What else the VM's input has. Absent: nothing is known of it. */
  readonly surroundings?: Surroundings;
  /** How many VMs are made of it; one where none is given. */
  readonly copies?: number;
}

/** Up to this version KubeVirt reported only the first broken rule of a chain for an interface. */
const LAST_WITH_CHAINS = 2;

type Operation = "create" | "update";

const isInForce = (
  { since = 1, until = NEWEST_KUBEVIRT, judge }: Rule,
  version: KubevirtMinor,
  operation: Operation,
): boolean => version >= since && version <= until && !(operation === "update" && judge === "creation");

const inForce = new Map<string, readonly Rule[]>();

/** The rules of a version: the same for all VMs of an input. */
function rulesOf(version: KubevirtMinor, operation: Operation): readonly Rule[] {
  const key = `${version} ${operation}`;
  const known = inForce.get(key) ?? RULES.filter((rule) => isInForce(rule, version, operation));
  inForce.set(key, known);
  return known;
}

/** The interface that a path goes through. */
const interfaceOf = ({ field }: RuleFinding): string =>
  /^spec\.domain\.devices\.interfaces\[\d+\]/.exec(field)?.[0] ?? field;

/** Of a chain, the first finding of each interface; an interface without a network was not checked at all. */
function firstOfChain(found: readonly Finding[], subject: RuleContext): readonly Finding[] {
  const seenFields = new Set<string>();
  const unpaired = new Set(
    subject.interfaces.flatMap((nic, at) =>
      subject.networkOf(nic) === undefined ? [`${INTERFACES_PATH}[${at}]`] : [],
    ),
  );
  return found.filter((finding) => {
    if (finding.rule.chain !== true) return true;
    const nic = interfaceOf(finding);
    if (unpaired.has(nic) || seenFields.has(nic)) return false;
    return seenFields.add(nic);
  });
}

/**
 * All places of a VM where a rule of its cluster's version does not hold, in the order of the rules. Never throws for a
 * VM of a checked shape.
 */
export function validateVmi(
  vmi: Vmi,
  { version = NEWEST_KUBEVIRT, operation = "create", ...cluster }: ValidationContext,
): readonly Finding[] {
  const subject = subjectOf(vmi, { ...cluster, version });
  const found: Finding[] = [];
  for (const rule of rulesOf(version, operation)) {
    const findings = rule.find(subject);
    // Going through an empty list costs as much as most rules do.
    if (findings.length > 0)
      for (const finding of findings) found.push({ ...finding, rule, reason: finding.reason ?? rule.reason });
  }
  return version <= LAST_WITH_CHAINS ? firstOfChain(found, subject) : found;
}

/** True for what a VM cannot be started with: its API refuses it, or it could not work. */
export const isFatal = ({ rule }: Finding): boolean =>
  rule.consequence === "rejected" || rule.consequence === "neverStarts";
