/**
 * A sidecar that is not there until it is called, as an image runs it. The container's first process is inetd: it holds the one
 * socket, starts the runtime when somebody connects, and waits until that has ended, however it does.
 */
import { spawn } from "node:child_process";
import {
  chmodSync,
  closeSync,
  constants,
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
import { HELD_SOCKET, HOOKS_DIRECTORY, INETD_FILE, type SidecarPlaces, sidecarPlaces } from "./places.ts";
import { defineDomain } from "./serve.ts";

const INETD = "/usr/sbin/inetd";
/** In the foreground, with the environment as it is, however often the runtime is started. */
const INETD_OPTIONS = ["-i", "-E", "-R", "0"];
/** Where inetd has put the socket. */
const SOCKET_DESCRIPTOR = 0;
/** Milliseconds that a runtime stays after the last call, since a VM's calls come in groups. */
const STAY = 60_000;
/** Milliseconds that answers have to reach their callers when it ends. */
const FAREWELL = 500;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Becomes inetd, and has the first runtime started, which stays until there was an Attach. */
export async function holdSidecar(binding: Binding, container: string): Promise<never> {
  const { own, hookSocket, attachSocket } = sidecarPlaces(binding.name, container, HOOKS_DIRECTORY);
  mkdirSync(own, { recursive: true, mode: 0o700 });
  for (const stale of [hookSocket, attachSocket, HELD_SOCKET]) rmSync(stale, { force: true });
  let isEnding = false;
  process.once("SIGTERM", () => (isEnding = true));
  spawn(process.execPath, [...process.execArgv, process.argv[1] ?? "", "knock"], { stdio: "inherit" });
  // A signal that came until now is told in the next turn; as the first process, the runtime would not end of it by itself.
  await sleep(0);
  if (isEnding || process.execve === undefined) process.exit(isEnding ? 0 : 1);
  return process.execve(INETD, [INETD, ...INETD_OPTIONS, join(import.meta.dirname, INETD_FILE)], process.env);
}

/** Connects once to the socket that inetd is about to hold, so that it starts the runtime. */
export async function knock(): Promise<void> {
  const isThere = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect(HELD_SOCKET, () => resolve(true)).once("error", () => resolve(false));
      socket.unref();
    });
  while (!(await isThere())) await sleep(5);
}

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

/** Gives the held socket another name, in the place of whatever has it. */
function showSocket({ nextHookSocket }: SidecarPlaces, name: string): void {
  if (lstatSync(name, { throwIfNoEntry: false })?.ino === lstatSync(HELD_SOCKET).ino) return;
  rmSync(nextHookSocket, { force: true });
  linkSync(HELD_SOCKET, nextHookSocket);
  renameSync(nextHookSocket, name);
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

/** Ends this process once what was asked is answered. Connections that come meanwhile wait for the next runtime. */
function leave(server: ReturnType<typeof makeServer>, connections: ConnectionServer, end: () => never): void {
  connections.close(end);
  setTimeout(end, FAREWELL);
  // It tells the clients, and does not wait for connections that it was handed.
  server.tryShutdown(() => undefined);
}

const end = (): never => process.exit(0);

async function serveHeld(binding: Binding, container: string, inetd: number): Promise<void> {
  const log = makeLog(binding);
  const places = sidecarPlaces(binding.name, container, HOOKS_DIRECTORY);
  const { hookSocket, attachSocket } = places;
  chmodSync(HELD_SOCKET, 0o755);
  const attachment = new Attachment(places, log, () => showSocket(places, hookSocket));
  await attachment.restore();
  // The agent attaches again what has its gate shut.
  if (attachment.vm === undefined) rmSync(hookSocket, { force: true });

  const server = makeServer();
  const idle = setTimeout(() => (attachment.vm === undefined ? idle.refresh() : leave(server, connections, end)), STAY);
  const onDefineDomain = (xml: Uint8Array): Uint8Array => {
    idle.refresh();
    return defineDomain(attachment.vm, xml);
  };
  const shutdown = (): void => {
    log.info({ why: "Shutdown" }, "stopping");
    for (const socket of [hookSocket, attachSocket]) rmSync(socket, { force: true });
    leave(server, connections, () => {
      endParent(inetd);
      return end();
    });
  };
  addHooks(server, { name: binding.name, onDefineDomain, shutdown });
  addSidecar(server, attachment.handlers);
  const connections = serveListening(server, SOCKET_DESCRIPTOR).on("connection", () => idle.refresh());
  showSocket(places, attachSocket);
  warnMissingAgent(log, attachment, attachSocket, AGENT_TIMEOUT);
}
