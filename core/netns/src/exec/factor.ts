const [least, most] = [1, 100] as const;

/** A factor that an environment variable sets: 1 to 100, and 1 where it sets none. */
export function factorOf(variable: string): number {
  const given = Number(process.env[variable] ?? least);
  return Number.isFinite(given) ? Math.min(Math.max(given, least), most) : least;
}
