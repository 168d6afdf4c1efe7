import type { Notice } from "./plan-notices.ts";

/** Milliseconds for which something may be on its way before it is said, and after which it is said again. */
const GRACE = 5000;
const REPEAT = 600_000;

interface Seen {
  readonly since: number;
  saidAt?: number;
}

/** Chooses of the notices those that are to be said now: what lasts, and not again and again. */
export class DueNotices {
  readonly #grace: number;
  readonly #seen = new Map<string, Seen>();

  constructor(grace: number = GRACE) {
    this.#grace = grace;
  }

  /** When the next one of those that were taken last is to be said: milliseconds of the same clock, or Infinity. */
  get next(): number {
    let next = Infinity;
    for (const { since, saidAt } of this.#seen.values())
      next = Math.min(next, saidAt === undefined ? since + this.#grace : saidAt + REPEAT);
    return next;
  }

  /** `now`: milliseconds of a clock that only goes on. */
  take(notices: readonly Notice[], now: number): readonly Notice[] {
    const byKey = new Map(notices.map((notice) => [`${notice.vmi.uid} ${notice.reason} ${notice.message}`, notice]));
    for (const key of this.#seen.keys()) if (!byKey.has(key)) this.#seen.delete(key);
    return [...byKey].flatMap(([key, notice]) => {
      const seen = this.#seen.get(key) ?? { since: now };
      this.#seen.set(key, seen);
      const isDue = seen.saidAt === undefined ? now - seen.since >= this.#grace : now - seen.saidAt >= REPEAT;
      if (!isDue) return [];
      seen.saidAt = now;
      return [notice];
    });
  }
}
