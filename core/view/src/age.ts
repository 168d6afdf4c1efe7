const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

interface Unit {
  readonly name: string;
  readonly length: number;
}
const [S, M, H, D, Y] = (
  [
    ["s", SECOND],
    ["m", MINUTE],
    ["h", HOUR],
    ["d", DAY],
    ["y", YEAR],
  ] as const
).map(([name, length]): Unit => ({ name, length })) as [Unit, Unit, Unit, Unit, Unit];

/** In which units a time is said that is shorter than so much: as exact as it is of use, as kubectl's column AGE does. */
const UNITS: readonly (readonly [number, readonly Unit[]])[] = [
  [2 * MINUTE, [S]],
  [10 * MINUTE, [M, S]],
  [3 * HOUR, [M]],
  [8 * HOUR, [H, M]],
  [2 * DAY, [H]],
  [8 * DAY, [D, H]],
  [2 * YEAR, [D]],
  [Number.POSITIVE_INFINITY, [Y, D]],
];

/** How long ago a time was, in a word: `4m30s`. Both are milliseconds since 1970. */
export function ageOf(then: number, now: number): string {
  let left = Math.max(now - then, 0);
  if (Number.isNaN(left)) return "-";
  const [, units = [S]] = UNITS.find(([below]) => left < below) ?? [];
  const parts = units.map(({ name, length }) => {
    const whole = Math.floor(left / length);
    left -= whole * length;
    return { text: `${whole}${name}`, whole };
  });
  return parts
    .filter(({ whole }, at) => at === 0 || whole > 0)
    .map(({ text }) => text)
    .join("");
}
