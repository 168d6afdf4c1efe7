import { failed, type Comparison, type Outcome, type Vector } from "./vector.ts";

interface Tally {
  agreed: number;
  deviating: number;
  readonly failed: { readonly id: string; readonly why: string }[];
}

function judge(vector: Vector, comparisons: Readonly<Record<string, Comparison>>): Outcome {
  const comparison = comparisons[vector.kind];
  if (comparison === undefined) return failed(`there is no comparison for kind ${vector.kind}`);
  try {
    return comparison(vector as Vector<never, never>);
  } catch (error) {
    return failed(`the engine threw ${error instanceof Error ? error.stack : String(error)}`);
  }
}

/** Compares all vectors, prints the tally of each kind, and gives the exit code: 1 where one failed or there is none. */
export function report(vectors: readonly Vector[], comparisons: Readonly<Record<string, Comparison>>): number {
  const tallies = new Map<string, Tally>();
  const reasons = new Map<string, number>();
  for (const vector of vectors) {
    const tally = tallies.get(vector.kind) ?? { agreed: 0, deviating: 0, failed: [] };
    tallies.set(vector.kind, tally);
    const outcome = judge(vector, comparisons);
    if (outcome.verdict === "agreed") tally.agreed += 1;
    if (outcome.verdict === "failed") tally.failed.push({ id: vector.id, why: outcome.why });
    if (outcome.verdict === "deviating") {
      tally.deviating += 1;
      for (const id of outcome.deviations) reasons.set(id, (reasons.get(id) ?? 0) + 1);
    }
  }
  for (const [kind, { agreed, deviating, failed: bad }] of [...tallies].sort()) {
    console.log(`${kind}: ${agreed} agreed, ${deviating} deviating, ${bad.length} failed`);
    for (const { id, why } of bad) console.log(`  ${id}: ${why}`);
  }
  for (const [id, count] of [...reasons].sort()) console.log(`deviation ${id}: ${count}`);
  const bad = [...tallies.values()].reduce((sum, tally) => sum + tally.failed.length, 0);
  console.log(`${vectors.length} vectors, ${bad} failed`);
  return bad > 0 || vectors.length === 0 ? 1 : 0;
}
