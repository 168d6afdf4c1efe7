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

/** Asks for a user, then for a group: one child of this process' for both. */
const LOOK_UP = 'getent passwd "$1" && exit 0; code=$?; [ $code -eq 2 ] || exit $code; exec getent group "$1"';

function isNamed(id: number): boolean {
  const { status, error, stderr } = spawnSync("sh", ["-c", LOOK_UP, "getent", String(id)], {
    timeout: DEADLINE,
    encoding: "utf8",
    env: { PATH },
  });
  if (status === 0 || status === NOT_FOUND) return status === 0;
  throw failedLookup(id, error?.message ?? (stderr.trim() || `exit code ${status}`));
}

/**
 * True where the machine knows a user or a group of a number, by whatever service it asks for names, or lets one of its users
 * be it: a directory service may give out numbers that no distribution does.
 */
export const isKnownUser = (id: number): boolean =>
  grantedRanges().some(({ first, count }) => id >= first && id < first + count) || isNamed(id);
