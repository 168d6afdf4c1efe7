/** A range of the machine's users. */
export interface UidRange {
  readonly first: number;
  readonly count: number;
}

const COUNT = 0x100_0000;

/** Users that VMs' services run as, one for each pod: a range that no distribution and no container runtime assigns. */
export const SERVICE_UIDS: UidRange = { first: 1_900_000_000, count: COUNT };
/** Users that VMs' own processes run as on one machine, one for each VM: a range of that kind beside it. */
export const VM_UIDS: UidRange = { first: 1_920_000_000, count: COUNT };

/** True for a user that a pod's services run as, and nothing else does. */
export const isServiceUid = (uid: number): boolean => uid >= SERVICE_UIDS.first && uid < SERVICE_UIDS.first + COUNT;

const DIGITS = 6;

const offsetOf = (seed: string): number => Number.parseInt(seed.slice(0, DIGITS), 16);

/** How far users that are gone may have pushed one that is there: a node never had more at a time. */
const FARTHEST = 0x1000;

/** True where the user that was chosen by another seed may be the first choice of this one, or one of its next. */
export const mayShareUid = (seed: string, other: string): boolean =>
  (offsetOf(seed) + FARTHEST - offsetOf(other) + COUNT) % COUNT <= 2 * FARTHEST;

/**
 * A user of a range that is not in use. `seed` begins with hexadecimal digits: the same one gets the same user where it
 * is free.
 */
export function chooseUid({ first, count }: UidRange, seed: string, taken: readonly number[]): number {
  const others = new Set(taken);
  let offset = offsetOf(seed);
  while (others.has(first + offset)) offset = (offset + 1) % count;
  return first + offset;
}
