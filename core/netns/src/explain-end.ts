import { limitsMet } from "./control-group.ts";
import { explainLimits, type Limits } from "./limits.ts";

/** The limits that a process ran into, by what it said before it ended, and those of its control group; empty where there are none. */
export function explainEnd(said: string, limits: Limits, group: string | undefined): string {
  const met = group === undefined ? [] : limitsMet(group);
  return `${explainLimits(said, limits)}${met.map((sentence) => `; ${sentence}`).join("")}`;
}
