import type { Attachment, Plan } from "@netbind/contract";
import type { Grants } from "./grants.ts";

/** Collects what is wrong: `path` within the plan, and the sentence. */
export type AddIssue = (path: string, problem: string) => void;

/** A plan that is checked, with what it must stay within: its NIC and the administrator's grants. */
export interface PlanContext {
  readonly attachment: Attachment;
  readonly plan: Plan;
  readonly grants: Grants;
  readonly addIssue: AddIssue;
}

const MTU = { least: 68, most: 65_535 } as const;

/** True for a whole number within closed bounds. */
export const isIntegerIn = (value: number, least: number, most: number): boolean =>
  Number.isInteger(value) && value >= least && value <= most;

/** Adds an issue for an MTU that no link can have. */
export function checkMtu({ addIssue }: Pick<PlanContext, "addIssue">, path: string, mtu: number): void {
  if (!isIntegerIn(mtu, MTU.least, MTU.most))
    addIssue(`${path}.mtu`, `${mtu} is not an MTU between ${MTU.least} and ${MTU.most}`);
}
