import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import type { UidRange } from "./allocate-uid.ts";
import { failedLookup } from "../errors.ts";

/** Ranges of users that the machine's own users may give to their user namespaces (subuid(5), subgid(5)). */
const RANGES = ["/etc/subuid", "/etc/subgid"] as const;
/** getent(1) finds no such entry. */
const NOT_FOUND = 2;
const DEADLINE = 10_000;
const PATH = "/usr/bin:/bin";

/** Reads what subuid(5) describes: `name:first:count`. */
export const readRanges = (text: string): readonly UidRange[] =>
  text.split("\n").flatMap((line) => {
    const [, first, count] = /^[^:#]*:(\d{1,10}):(\d{1,10})\s*$/.exec(line) ?? [];
    return first === undefined ? [] : [{ first: Number(first), count: Number(count) }];
  });

function grantedRanges(): readonly UidRange[] {
  return RANGES.flatMap((file) => {
    try {
      return readRanges(readFileSync(file, "utf8"));
    } catch {
      // A machine without such ranges has no such file.
      return [];
    }
  });
}

/** Asks for users, then for groups: one child of this process' for all. Where one is not found that is not a failure. */
const LOOK_UP = `for database in passwd group; do
  getent "$database" "$@" || { code=$?; [ $code -eq ${NOT_FOUND} ] || exit $code; }
done`;
/** An entry of either database, which has its number third: `name:password:number`. */
const ENTRY = /^[^:]*:[^:]*:(\d+)/;

function namedIds(ids: readonly number[]): readonly number[] {
  const { status, error, stdout, stderr } = spawnSync("sh", ["-c", LOOK_UP, "getent", ...ids.map(String)], {
    timeout: DEADLINE,
    encoding: "utf8",
    env: { PATH },
  });
  if (status !== 0) throw failedLookup(ids, error?.message ?? (stderr.trim() || `exit code ${status}`));
  const found = stdout
    .split("\n")
    .flatMap((line) => ENTRY.exec(line)?.[1] ?? [])
    .map(Number);
  // Who chooses again by what is known would not come to an end.
  const others = found.filter((id) => !ids.includes(id));
  if (others.length > 0) throw failedLookup(ids, `it answers of ${others.join(", ")}`);
  return found;
}

/**
 * Those of some numbers by which the machine knows a user or a group, by whatever service it asks for names, or lets one of its
 * users be it: a directory service may give out numbers that no distribution does. At least one of those that are known is given.
 */
export function knownUsers(ids: readonly number[]): ReadonlySet<number> {
  const ranges = grantedRanges();
  const granted = ids.filter((id) => ranges.some(({ first, count }) => id >= first && id < first + count));
  // One range may have thousands: a child is asked once all that is left is outside of them.
  return new Set(granted.length > 0 ? granted : namedIds(ids));
}
