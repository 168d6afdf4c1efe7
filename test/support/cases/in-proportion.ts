import { expect } from "vitest";

const TRIES = 4;

/** Milliseconds of processor time that something takes: what else the machine does is not counted. */
export function costOf(work: () => unknown): number {
  const start = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}

/**
 * Expects what is four times as large to take no more than ten times as long: sixteen times is what a quadratic reader takes.
 * What takes less than so many milliseconds has no proportion. A collection of garbage, or a neighbor on the processor, is not
 * the reader's cost, so each has several tries.
 */
export function expectInProportion(small: () => unknown, large: () => unknown, least = 10): void {
  costOf(small);
  let [one, four] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let tries = 0; tries < TRIES && !(four < 10 * Math.max(one, least)); tries++) {
    one = Math.min(one, costOf(small));
    four = Math.min(four, costOf(large));
  }
  expect(four).toBeLessThan(10 * Math.max(one, least));
}
