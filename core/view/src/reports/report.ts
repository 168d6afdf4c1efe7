import type { RuleText } from "@netbind/kubevirt/admission";
import type { ShownFinding, ShownViolation } from "../format-finding.ts";

/** A VM that was checked, and where it is. */
export interface CheckedVm {
  readonly file: string;
  readonly line: number;
  readonly object: { readonly kind: string; readonly namespace: string; readonly name: string };
}

/** What `netbind validate` found, for another program. */
export interface Report {
  readonly passed: boolean;
  readonly findings: readonly ShownFinding[];
  readonly ignored: readonly ShownFinding[];
  readonly vms: readonly CheckedVm[];
  /** What could not be checked, a sentence each. */
  readonly notChecked: readonly string[];
  /** Why not all was asked, a sentence each. */
  readonly errors: readonly string[];
  /** Every rule and check that a finding may name. */
  readonly rules: readonly RuleText[];
  /** KubeVirt's version whose rules were asked, and what it was taken from; absent where none were. */
  readonly kubevirt?: object;
  /** Netbind's version. */
  readonly version: string;
  /** Warnings fail too. */
  readonly strict: boolean;
}

/** A violation for another program: without the line of the file, which may hold a secret. */
export function withoutExcerpt<T extends ShownViolation>({ excerpt: _, ...found }: T): Omit<T, "excerpt"> {
  return found;
}

/** True for a finding that a report fails for. */
export const isFailure = ({ consequence }: ShownFinding, { strict }: Report): boolean =>
  strict || consequence === "rejected";
