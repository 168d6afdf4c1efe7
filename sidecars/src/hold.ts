/**
 * A sidecar that is not there until it is called, as an image runs it. inetd holds the one socket, starts the runtime at a
 * connection, and waits until that has ended, however it does. inetd and each runtime hold a lock; the container's
 * first process, which sends SIGTERM on to inetd, waits until none of them has it, so that a call under way is answered.
 *
 * The pod's start waits for this, so nothing is here that it does without: to load what a runtime serves with takes longer
 * than all of it.
 */
import { spawn } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import type { Binding } from "@netbind/contract";
import { AWAIT_LOCK, HOLD_LOCK } from "./lock.ts";
import { HELD_SOCKET, HOOKS_DIRECTORY, INETD_FILE, sidecarPlaces } from "./places.ts";

/** In the foreground, with the environment as it is, however often the runtime is started. */
const INETD = ["/usr/sbin/inetd", "-i", "-E", "-R", "0"];

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Starts inetd and, by a first connection, the runtime, which stays until there was an Attach. Becomes what waits for both. */
export async function holdSidecar(binding: Binding, container: string): Promise<never> {
  const { own, hookSocket, attachSocket } = sidecarPlaces(binding.name, container, HOOKS_DIRECTORY);
  mkdirSync(own, { recursive: true, mode: 0o700 });
  for (const stale of [hookSocket, attachSocket, HELD_SOCKET]) rmSync(stale, { force: true });
  const [lock = "", ...held] = [...HOLD_LOCK, ...INETD, join(import.meta.dirname, INETD_FILE)];
  spawn(lock, held, { stdio: "inherit" }).once("exit", (code) => process.exit(code ?? 1));
  while (!(await canConnect(HELD_SOCKET))) await sleep(5);
  const [wait = "", ...args] = AWAIT_LOCK;
  if (process.execve === undefined) process.exit(1);
  return process.execve(wait, [wait, ...args], process.env);
}

const canConnect = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path, () => resolve(true)).once("error", () => resolve(false));
    socket.unref();
  });
