import { spawn } from "node:child_process";
import { busy, failedLock } from "../errors.ts";

/** A lock that is held until it is released or this process ends, whichever way. */
export interface Lock extends AsyncDisposable {
  release(): Promise<void>;
}

/** How a lock that another process has is waited for. */
export interface LockWait {
  /** Milliseconds, at most. */
  readonly wait: number;
  /** Aborted where nobody waits any longer. */
  readonly signal?: AbortSignal;
  /** Called once, where it is not free at once. */
  readonly onWait?: () => void;
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
 * @throws BusyError where it is not free in time: within `wait` milliseconds
 */
export async function takeLock(file: string, what: string, wait: number | LockWait = 0): Promise<Lock> {
  const { onWait, ...until } = typeof wait === "number" ? { wait } : wait;
  const free = onWait === undefined ? undefined : await tryLock(file, { wait: 0 });
  if (free !== "busy" && free !== undefined) return free;
  onWait?.();
  const lock = await tryLock(file, until);
  if (lock === "busy") throw busy(what);
  return lock;
}

/** Takes it where its file is the one that it was opened as. */
async function tryLock(file: string, until: Omit<LockWait, "onWait">): Promise<Lock | "busy"> {
  for (;;) {
    const lock = await lockOpened(file, until);
    if (lock !== undefined) return lock;
  }
}

async function lockOpened(
  file: string,
  { wait, signal }: Omit<LockWait, "onWait">,
): Promise<Lock | "busy" | undefined> {
  signal?.throwIfAborted();
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
  // What has it by then ends with its input.
  const giveUp = (): void => {
    child.stdin.end();
    child.kill();
  };
  signal?.addEventListener("abort", giveUp);
  const outcome = await Promise.race([locked, ended]).finally(() => signal?.removeEventListener("abort", giveUp));
  const release = async (): Promise<void> => {
    child.stdin.end();
    await ended;
  };
  if (outcome === "locked" && signal?.aborted !== true) return { release, [Symbol.asyncDispose]: release };
  await release();
  signal?.throwIfAborted();
  if (outcome === CONFLICT) return "busy";
  if (outcome === STALE) return undefined;
  throw failedLock(file, outcome as number | null);
}
