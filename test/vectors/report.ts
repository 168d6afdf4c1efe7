import { DEVIATIONS, MOST_COUNTED } from "./deviations.ts";
import { type Comparison, failed, type Outcome, type Vector } from "./vector.ts";

/** The outcomes of one kind. */
interface Tally {
  agreed: number;
  deviating: number;
  readonly failed: { readonly id: string; readonly why: string }[];
}

/** All outcomes. */
export interface Summary {
  readonly kinds: ReadonlyMap<string, Tally>;
  /** How often ours differs, by deviation. */
  readonly deviations: ReadonlyMap<string, number>;
  /** How often both were brought to one form first, by what was. */
  readonly normalized: ReadonlyMap<string, number>;
  readonly cases: number;
  /** Cases with a deviation that counts. */
  readonly counted: number;
}

function judge(vector: Vector, comparisons: Readonly<Record<string, Comparison>>): Outcome {
  const comparison = Object.hasOwn(comparisons, vector.kind) ? comparisons[vector.kind] : undefined;
  if (comparison === undefined) return failed(`there is no comparison for kind ${vector.kind}`);
  try {
    const outcome = comparison(vector as Vector<never, never>);
    const unlisted =
      outcome.verdict === "deviating" ? outcome.deviations.find((id) => !Object.hasOwn(DEVIATIONS, id)) : undefined;
    return unlisted === undefined ? outcome : failed(`deviation ${unlisted} is not listed`);
  } catch (error) {
    return failed(`the engine threw ${error instanceof Error ? error.stack : String(error)}`);
  }
}

const increase = (map: Map<string, number>, key: string): void => void map.set(key, (map.get(key) ?? 0) + 1);

/** Compares all vectors. */
export function summarize(vectors: readonly Vector[], comparisons: Readonly<Record<string, Comparison>>): Summary {
  const kinds = new Map<string, Tally>();
  const deviations = new Map<string, number>();
  const normalized = new Map<string, number>();
  let counted = 0;
  for (const vector of vectors) {
    const tally = kinds.get(vector.kind) ?? { agreed: 0, deviating: 0, failed: [] };
    kinds.set(vector.kind, tally);
    const outcome = judge(vector, comparisons);
    switch (outcome.verdict) {
      case "agreed":
        tally.agreed += 1;
        if (outcome.normalized !== undefined) increase(normalized, outcome.normalized);
        break;
      case "deviating":
        tally.deviating += 1;
        for (const id of outcome.deviations) increase(deviations, id);
        if (outcome.deviations.some((id) => DEVIATIONS[id]?.counted === true)) counted += 1;
        break;
      case "failed":
        tally.failed.push({ id: vector.id, why: outcome.why });
        break;
      default:
        outcome satisfies never;
    }
  }
  return { kinds, deviations, normalized, cases: vectors.length, counted };
}

/**
 * True where every case agrees or deviates for a listed reason, few of them in behavior, and there is a case at all.
 */
export const isSound = ({ kinds, cases, counted }: Summary): boolean =>
  cases > 0 && counted <= cases * MOST_COUNTED && [...kinds.values()].every((tally) => tally.failed.length === 0);

const byName = <T>(map: ReadonlyMap<string, T>): readonly (readonly [string, T])[] =>
  [...map].sort(([a], [b]) => (a < b ? -1 : 1));

/** A summary for people. */
export function formatSummary({ kinds, deviations, normalized, cases, counted }: Summary): string {
  const bad = [...kinds.values()].reduce((sum, tally) => sum + tally.failed.length, 0);
  return [
    ...byName(kinds).flatMap(([kind, tally]) => [
      `${kind}: ${tally.agreed} agreed, ${tally.deviating} deviating for a listed reason, ${tally.failed.length} failed`,
      ...tally.failed.map(({ id, why }) => `  ${id}: ${why}`),
    ]),
    ...byName(normalized).map(([what, count]) => `${count} equal but for ${what}`),
    ...byName(deviations).map(
      ([id, count]) =>
        `${count} ${id}${DEVIATIONS[id]?.counted === true ? "" : " (not of behavior)"}: ${DEVIATIONS[id]?.reason}`,
    ),
    `${cases} cases, ${bad} failed, ${counted} deviating in behavior (${((100 * counted) / Math.max(1, cases)).toFixed(1)} %, at most ${100 * MOST_COUNTED} %)`,
  ].join("\n");
}
