import { limitsMet } from "../sandbox/control-group.ts";
import { explainLimits, type Limits } from "../sandbox/limits.ts";

/** The limits that a process ran into before it ended: those of its control group, which counts; else its own, by what it said. */
export function explainEnd(said: string, limits: Limits, group: string | undefined): string {
  const met = group === undefined ? [] : limitsMet(group);
  return met.length === 0 ? explainLimits(said, limits) : `; ${met.join("; ")}`;
}
