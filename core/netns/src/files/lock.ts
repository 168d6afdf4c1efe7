import { spawn } from "node:child_process";
import { busy, failedLock } from "../errors.ts";

/** A lock that is held until it is released or this process ends, whichever way. */
export interface Lock extends AsyncDisposable {
  release(): Promise<void>;
}

const CONFLICT = 75;
/** The file was removed between opening and locking it: the locked file is not in use any more. */
const STALE = 76;
/** flock(1) hands the locked file down as descriptor 3. */
const HOLD = `[ "$0" -ef /proc/self/fd/3 ] || exit ${STALE}; echo locked; exec cat`;

/**
 * Takes a lock on a file. The kernel keeps it for a child that lives exactly as long as its standard input, so there
 * is never a stale lock to break after a crash.
 *
 * @throws BusyError where it is not free within `wait` milliseconds
 */
export async function takeLock(file: string, what: string, wait = 0): Promise<Lock> {
  for (;;) {
    const lock = await tryLock(file, what, wait);
    if (lock !== undefined) return lock;
  }
}

async function tryLock(file: string, what: string, wait: number): Promise<Lock | undefined> {
  const limits = ["--wait", String(wait / 1000), "--conflict-exit-code", String(CONFLICT)];
  const flock = ["flock", "--exclusive", ...limits, file, "sh", "-c", HOLD, file];
  // Who can read a lock's file can lock it: it is made for its owner alone.
  const child = spawn("sh", ["-c", 'umask 077 && exec "$@"', "lock", ...flock], {
    stdio: ["pipe", "pipe", "inherit"],
    // A terminal's Ctrl-C is for the holder of the lock, which then releases it.
    detached: true,
  });
  child.stdin.on("error", () => undefined);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("exit", resolve);
    child.once("error", reject);
  });
  const locked = new Promise<"locked">((resolve) => child.stdout.once("data", () => resolve("locked")));
  const outcome = await Promise.race([locked, ended]);
  if (outcome === STALE) return undefined;
  if (outcome !== "locked") {
    throw outcome === CONFLICT ? busy(what) : failedLock(file, outcome);
  }
  const release = async (): Promise<void> => {
    child.stdin.end();
    await ended;
  };
  return { release, [Symbol.asyncDispose]: release };
}
