/** A range that no distribution and no container runtime gives to anybody. */
const SERVICE_UIDS = { first: 1_900_000_000, count: 0x100_0000 } as const;
const DIGITS = 6;

/** A user of one VM's own for its services, which no other VM's run as. `seed` begins with hexadecimal digits. */
export function chooseServiceUid(seed: string, taken: readonly number[]): number {
  const others = new Set(taken);
  let offset = Number.parseInt(seed.slice(0, DIGITS), 16);
  while (others.has(SERVICE_UIDS.first + offset)) offset = (offset + 1) % SERVICE_UIDS.count;
  return SERVICE_UIDS.first + offset;
}
