/** One run of a tier. */
export interface TierRun {
  readonly tier: string;
  readonly kubernetes?: string;
  readonly files?: string;
}
export declare function allRuns(): readonly TierRun[];
export declare function runTests(runs: readonly TierRun[], args: readonly string[]): number;
