/** Collects what is wrong: `path` within the plan, and the sentence. */
export type AddIssue = (path: string, problem: string) => void;

const MTU = { least: 68, most: 65_535 } as const;

/** True for a whole number within closed bounds. */
export const isIntegerIn = (value: number, least: number, most: number): boolean =>
  Number.isInteger(value) && value >= least && value <= most;

/** Complains of an MTU that no link can have. */
export function checkMtu(path: string, mtu: number, addIssue: AddIssue): void {
  if (!isIntegerIn(mtu, MTU.least, MTU.most)) addIssue(`${path}.mtu`, `${mtu} is no MTU between ${MTU.least} and ${MTU.most}`);
}
