/** Milliseconds between the tries of what fails: doubled each time, up to `most`. */
export interface BackoffBounds {
  readonly first: number;
  readonly most: number;
}

/**
 * The pause after so many failures in a row, in milliseconds. Half of it is drawn, so that the clients of a server that
 * was away do not come back in step.
 */
export function backoff(failures: number, { first, most }: BackoffBounds, random: () => number = Math.random): number {
  const full = Math.min(first * 2 ** Math.max(failures - 1, 0), most);
  return full / 2 + (full / 2) * random();
}
