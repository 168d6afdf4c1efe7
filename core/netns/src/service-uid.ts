/** A range that no distribution and no container runtime gives to anybody. */
const SERVICE_UIDS = { first: 1_900_000_000, count: 0x100_0000 } as const;
const DIGITS = 6;

const offsetOf = (seed: string): number => Number.parseInt(seed.slice(0, DIGITS), 16);

/** How far users that are gone may have pushed one that is there: a node never had more at a time. */
const FARTHEST = 0x1000;

/** True where the user that was chosen by another seed may be the first choice of this one, or one of its next. */
export const mayShareServiceUid = (seed: string, other: string): boolean =>
  (offsetOf(seed) + FARTHEST - offsetOf(other) + SERVICE_UIDS.count) % SERVICE_UIDS.count <= 2 * FARTHEST;

/** A user of one VM's own for its services, which no other VM's run as. `seed` begins with hexadecimal digits. */
export function chooseServiceUid(seed: string, taken: readonly number[]): number {
  const others = new Set(taken);
  let offset = offsetOf(seed);
  while (others.has(SERVICE_UIDS.first + offset)) offset = (offset + 1) % SERVICE_UIDS.count;
  return SERVICE_UIDS.first + offset;
}
