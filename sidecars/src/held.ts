/**
 * A sidecar that is not there until it is called, as an image runs it. inetd holds the one socket, starts the runtime when
 * somebody connects, and waits until that has ended, however it does. inetd and each runtime hold a lock; the container's
 * first process, which sends SIGTERM on to inetd, waits until none of them has it, so that a call under way is answered.
 */
import { spawn } from "node:child_process";
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { connect, type Server as ConnectionServer } from "node:net";
import { join } from "node:path";
import type { Binding } from "@netbind/contract";
import { addHooks, addSidecar, makeServer, serveListening } from "@netbind/remote/sidecar";
import { reportFailure } from "./explain-failure.ts";
import { AGENT_TIMEOUT, Attachment, makeLog, warnMissingAgent } from "./attachment.ts";
import { AWAIT_LOCK, CALL_DEADLINE, HOLD_LOCK } from "./lock.ts";
import { HELD_SOCKET, HOOKS_DIRECTORY, INETD_FILE, type SidecarPlaces, sidecarPlaces } from "./places.ts";
import { defineDomain } from "./serve.ts";

/** In the foreground, with the environment as it is, however often the runtime is started. */
const INETD = ["/usr/sbin/inetd", "-i", "-E", "-R", "0"];
/** Where inetd has put the socket. */
const SOCKET_DESCRIPTOR = 0;
/** Milliseconds that a runtime stays after the last call, since a VM's calls come in groups. */
const STAY = 60_000;
/** Milliseconds that answers have to reach their callers when it ends. */
const FAREWELL = 500;
/** The process that has what has lost its parent. */
const FIRST_PROCESS = 1;
/** Milliseconds between looks whether inetd is still there, and until who has connected by then is seen. */
const LOOK = 50;

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

/** Opens what a process writes to. What cannot be opened by its name, as a socket, is not written to. */
function openOutput(pid: number, descriptor: number): void {
  try {
    openSync(`/proc/${pid}/fd/${descriptor}`, constants.O_WRONLY | constants.O_APPEND);
  } catch {
    openSync("/dev/null", constants.O_WRONLY);
  }
}

/** Writes to where inetd does: it gives its services the socket as their output. */
function takeOutputOf(pid: number): void {
  for (const descriptor of [1, 2]) {
    closeSync(descriptor);
    // The lowest free number is the one that was closed.
    openOutput(pid, descriptor);
  }
}

/** Does something with the held socket's name. Nothing once inetd has ended, which removes it. */
function whileHeld(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (existsSync(HELD_SOCKET)) throw error;
  }
}

/** Gives the held socket another name, in the place of whatever has it. */
function showSocket({ nextHookSocket }: SidecarPlaces, name: string): void {
  whileHeld(() => {
    if (lstatSync(name, { throwIfNoEntry: false })?.ino === lstatSync(HELD_SOCKET).ino) return;
    rmSync(nextHookSocket, { force: true });
    linkSync(HELD_SOCKET, nextHookSocket);
    renameSync(nextHookSocket, name);
  });
}

/** Ends inetd, and with it the container; nothing where the parent is another process by now. */
function endParent(pid: number): void {
  if (process.ppid === pid && readFileSync(`/proc/${pid}/comm`, "utf8").trim() === "inetd")
    process.kill(pid, "SIGTERM");
}

/**
 * Serves on the socket that inetd holds until nobody has called for a while; Shutdown ends inetd too. Where it cannot, inetd
 * starts it again for the same call: not at once.
 */
export async function serveWoken(binding: Binding, container: string): Promise<void> {
  takeOutputOf(process.ppid);
  try {
    await serveHeld(binding, container, process.ppid);
  } catch (error) {
    reportFailure(error);
    await sleep(1000);
    process.exit(1);
  }
}

const end = (): never => process.exit(0);

/** What a runtime serves with. */
interface Serving {
  readonly server: ReturnType<typeof makeServer>;
  readonly connections: ConnectionServer;
}

/**
 * Ends this process once what was asked is answered, after `most` milliseconds at most. Connections that come meanwhile wait
 * for the next runtime.
 */
function leave({ server, connections }: Serving, most: number, last: () => never): void {
  connections.close(last);
  setTimeout(last, most);
  // It tells the clients, and does not wait for connections that it was handed.
  server.tryShutdown(() => undefined);
}

/** Calls back once inetd has ended, and who had connected by then was heard. */
function watchParent(inetd: number, ended: () => void): void {
  const watch = setInterval(() => {
    if (process.ppid === inetd && inetd !== FIRST_PROCESS) return;
    clearInterval(watch);
    setTimeout(ended, LOOK);
  }, LOOK);
}

async function serveHeld(binding: Binding, container: string, inetd: number): Promise<void> {
  const log = makeLog(binding);
  const places = sidecarPlaces(binding.name, container, HOOKS_DIRECTORY);
  const { hookSocket, attachSocket } = places;
  whileHeld(() => chmodSync(HELD_SOCKET, 0o755));
  const attachment = new Attachment(places, log, () => showSocket(places, hookSocket));
  await attachment.restore();
  // The agent attaches again what has its gate shut.
  if (attachment.vm === undefined) rmSync(hookSocket, { force: true });

  const server = makeServer();
  const idle = setTimeout(() => (attachment.vm === undefined ? idle.refresh() : leave(serving, FAREWELL, end)), STAY);
  const onDefineDomain = (xml: Uint8Array): Uint8Array => {
    idle.refresh();
    return defineDomain(attachment.vm, xml);
  };
  const stop = (why: string, most: number): void => {
    log.info({ why }, "stopping");
    for (const socket of [hookSocket, attachSocket]) rmSync(socket, { force: true });
    leave(serving, most, () => {
      endParent(inetd);
      return end();
    });
  };
  addHooks(server, { name: binding.name, onDefineDomain, shutdown: () => stop("Shutdown", FAREWELL) });
  addSidecar(server, attachment.handlers);
  const connections = serveListening(server, SOCKET_DESCRIPTOR).on("connection", () => idle.refresh());
  const serving: Serving = { server, connections };
  showSocket(places, attachSocket);
  warnMissingAgent(log, attachment, attachSocket, AGENT_TIMEOUT);
  watchParent(inetd, () => stop("SIGTERM", CALL_DEADLINE * 1000));
}
