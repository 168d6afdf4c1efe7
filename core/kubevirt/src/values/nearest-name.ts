import { editDistance } from "@netbind/contract/shape";

/** Longer names are slips of nothing. */
const LONGEST_NAME = 64;

/** How many edits a slip may be away from a name. */
const reach = (name: string): number => Math.max(1, Math.floor(name.length / 3));

/** The known name that a written one is a slip of: the nearest, whatever its case; undefined where none is near. */
export function nearestName(
  written: string,
  known: Iterable<string>,
  most: number = reach(written),
): string | undefined {
  if (written.length > LONGEST_NAME) return undefined;
  const lower = written.toLowerCase();
  let [best, distance]: [string | undefined, number] = [undefined, most + 1];
  for (const candidate of known) {
    if (Math.abs(candidate.length - written.length) >= distance) continue;
    const far = editDistance(lower, candidate.toLowerCase());
    if (far < distance) [best, distance] = [candidate, far];
  }
  return best;
}

/** A fix for a name that is not known: the known one that is meant, where there is one, comes first. */
export const withMeant = (meant: string | undefined, fix: string): string =>
  meant === undefined ? fix : `did you mean ${JSON.stringify(meant)}? Else ${fix}`;
