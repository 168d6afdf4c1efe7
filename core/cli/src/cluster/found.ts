import type { ClusterFinding, ClusterObject } from "@netbind/view";
import type { DoctorCode } from "./doctor-codes.ts";
import { textAt } from "./fields.ts";

/** What is said of one finding. */
export interface Said {
  readonly object: ClusterObject;
  readonly field?: string;
  readonly problem: string;
  readonly fix: string;
}

export const isError = (code: DoctorCode, { field = "", ...said }: Said): ClusterFinding => ({
  code,
  severity: "error",
  field,
  ...said,
});
export const isWarning = (code: DoctorCode, said: Said): ClusterFinding => ({
  ...isError(code, said),
  severity: "warning",
});

/** An object as a finding names it; what a list gives has no kind of its own. */
export function objectOf(kind: string, object: unknown): ClusterObject {
  const namespace = textAt(object, "metadata", "namespace");
  const name = textAt(object, "metadata", "name");
  return namespace === "" ? { kind, name } : { kind, namespace, name };
}

const MOST_NAMED = 5;

/** Names in a sentence: the first of many, and how many more there are. */
export const someOf = (names: readonly string[]): string =>
  names.length <= MOST_NAMED
    ? names.join(", ")
    : `${names.slice(0, MOST_NAMED).join(", ")} and ${names.length - MOST_NAMED} more`;
