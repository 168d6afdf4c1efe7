/** The node agent: a pod among many against one alone, and what it takes of its node's memory. */
import { attachMany, type ManyPods } from "../support/kube/many-pods.ts";
import type { Comparison } from "./report.ts";

const MANY = 100;
const PSS_GOAL_MB = 80;

export async function benchAgent(runs = 3): Promise<readonly Comparison[]> {
  const alone: ManyPods[] = [];
  for (let at = 0; at < runs; at++) alone.push(await attachMany(1));
  const many = await attachMany(MANY);
  return [
    {
      what: `node agent: a pod of ${MANY} that come at once, from listed to its gate open`,
      unit: "ms",
      ours: [many.attachedMs / MANY],
      theirs: alone.map(({ attachedMs }) => attachedMs),
      against: "one alone",
    },
    {
      what: `node agent's processor time a pod of ${MANY} that come at once, with that of its commands`,
      unit: "ms",
      ours: [many.cpuMs / MANY],
      theirs: alone.map(({ cpuMs }) => cpuMs),
      against: "one alone",
    },
    {
      what: `node agent's memory with ${MANY} pods attached (PSS)`,
      unit: "MB",
      ours: [many.pssMb],
      theirs: alone.map(({ pssMb }) => pssMb),
      against: "with one",
      most: PSS_GOAL_MB,
    },
  ];
}
