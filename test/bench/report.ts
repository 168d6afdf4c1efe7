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
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);

/** The value below which a part of all values lies. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

const round = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(3);

function formatGoal({ ours, theirs, goal, most }: Comparison): string {
  const ratio = median(ours) / median(theirs);
  const aims = [
    ...(goal === undefined
      ? []
      : [
          {
            words: `${goal.better === "smaller" ? "<=" : ">="} ${goal.ratio}`,
            met: goal.better === "smaller" ? ratio <= goal.ratio : ratio >= goal.ratio,
          },
        ]),
    ...(most === undefined ? [] : [{ words: `at most ${most}`, met: median(ours) <= most }]),
  ];
  return aims.map(({ words, met }) => (met ? words : `${words} (missed)`)).join(", ") || "-";
}

/** A row of the results' table. */
export function formatComparison(comparison: Comparison): string {
  const { what, unit, ours, theirs, against } = comparison;
  const ratio = (median(ours) / median(theirs)).toFixed(2);
  const cells = [
    what,
    `${round(median(ours))} ${unit}`,
    `${against}: ${round(median(theirs))} ${unit}`,
    ratio,
    formatGoal(comparison),
    String(ours.length),
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
