/** The most places of one kind of mistake that are reported of an object: a reader needs no more to see what it is. */
const MOST_PLACES = 20;

/** Findings, of each kind no more than twenty: the last of them says how many there are more. */
export function limitRepeated<F extends { readonly problem: string }>(
  found: readonly F[],
  kindOf: (one: F) => string,
): readonly F[] {
  if (found.length <= MOST_PLACES) return found;
  return [...Map.groupBy(found, kindOf).values()].flatMap((same) => {
    const last = same[MOST_PLACES - 1];
    const more = same.length - MOST_PLACES;
    if (last === undefined || more <= 0) return same;
    return [...same.slice(0, MOST_PLACES - 1), { ...last, problem: `${last.problem} (and ${more} more like this)` }];
  });
}
