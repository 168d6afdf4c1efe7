/**
 * What keeps an image's container until all of it has ended: inetd and each runtime hold a lock on the sidecar's own directory,
 * whatever ends them gives it back, and the first process waits for it.
 */
import { dirname } from "node:path";
import { HELD_SOCKET } from "./places.ts";

/** Seconds that a call under way has at SIGTERM: what KubeVirt's launcher gives an answer. */
export const CALL_DEADLINE = 60;

const OWN = dirname(HELD_SOCKET);
const FLOCK = "/usr/bin/flock";

/** Runs a program that has the lock, beside others, until it ends. */
export const HOLD_LOCK: readonly string[] = [FLOCK, "--no-fork", "--shared", OWN];
/** Waits until no other process has the lock. */
export const AWAIT_LOCK: readonly string[] = ["/usr/bin/env", "--ignore-signal=TERM", FLOCK, OWN, "/usr/bin/true"];
/** The first process: it sends signals on to inetd and what waits for the lock, and lets that wait no longer than a call may. */
export const FIRST: readonly string[] = ["/usr/bin/timeout", `--kill-after=${CALL_DEADLINE}`, "0"];
