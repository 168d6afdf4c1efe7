/** One comparison: two ways to the same end, measured alternately in one run. */
export interface Comparison {
  readonly what: string;
  readonly unit: string;
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
  /** What is compared with. */
  readonly against: string;
  /** The ratio that is aimed at, and whether a smaller or a larger one is better. Absent: told only. */
  readonly goal?: { readonly ratio: number; readonly better: "smaller" | "larger" };
  /** The most that ours may be, in its unit, where that is the goal. */
  readonly most?: number;
  /** Compares lower quartiles, where a part of all runs has to wait for what is in neither way. Absent: medians. */
  readonly quartile?: true;
}

export const LOWER_QUARTILE = 0.25;

export const median = (values: readonly number[]): number => percentile(values, 0.5);

/** The value below which a part of all values lies. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

const round = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(3);

/** The one value of many that a comparison is made by. */
const compared = ({ quartile }: Comparison, values: readonly number[]): number =>
  percentile(values, quartile === true ? LOWER_QUARTILE : 0.5);

function formatGoal(comparison: Comparison): string {
  const { goal, most } = comparison;
  const [ours, theirs] = [compared(comparison, comparison.ours), compared(comparison, comparison.theirs)];
  const ratio = ours / theirs;
  const aims = [
    ...(goal === undefined
      ? []
      : [
          {
            words: `${goal.better === "smaller" ? "<=" : ">="} ${goal.ratio}`,
            met: goal.better === "smaller" ? ratio <= goal.ratio : ratio >= goal.ratio,
          },
        ]),
    ...(most === undefined ? [] : [{ words: `at most ${most}`, met: ours <= most }]),
  ];
  return aims.map(({ words, met }) => (met ? words : `${words} (missed)`)).join(", ") || "-";
}

/** A row of the results' table. */
export function formatComparison(comparison: Comparison): string {
  const { what, unit, against, quartile } = comparison;
  const [ours, theirs] = [compared(comparison, comparison.ours), compared(comparison, comparison.theirs)];
  const cells = [
    what,
    `${round(ours)} ${unit}`,
    `${against}: ${round(theirs)} ${unit}`,
    (ours / theirs).toFixed(2),
    formatGoal(comparison),
    `${comparison.ours.length}${quartile === true ? ", lower quartile" : ""}`,
  ];
  return `| ${cells.join(" | ")} |`;
}

export const TABLE_HEAD =
  "| what | Netbind | compared with | ratio | goal | runs |\n| --- | --- | --- | --- | --- | --- |";

/** Milliseconds that something takes. */
export async function timed(what: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await what();
  return performance.now() - start;
}
