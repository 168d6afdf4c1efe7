/** A sidecar's runtime as an image has it: inetd starts it at a connection (hold.ts), and it ends a minute after the last call. */
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  linkSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import type { Server as ConnectionServer } from "node:net";
import type { Binding } from "@netbind/contract";
import { addHooks, addSidecar, makeServer, serveListening } from "@netbind/remote/sidecar";
import { reportFailure } from "./explain-failure.ts";
import { AGENT_TIMEOUT, Attachment, makeLog, warnMissingAgent } from "./attachment.ts";
import { CALL_DEADLINE } from "./lock.ts";
import { HELD_SOCKET, HOOKS_DIRECTORY, type SidecarPlaces, sidecarPlaces } from "./places.ts";
import { defineDomain } from "./serve.ts";

/** Where inetd has put the socket. */
const SOCKET_DESCRIPTOR = 0;
/** Milliseconds that a runtime stays after the last call, since a VM's calls come in groups. */
const STAY = 60_000;
/** Milliseconds that answers have to reach their callers at Shutdown, which is to end all of it within a second. */
const FAREWELL = 900;
/** Milliseconds that a call under way has otherwise: a runtime that is throttled may take longer for one than it stays for none. */
const LONGEST_CALL = CALL_DEADLINE * 1000;
/** The process that has what has lost its parent. */
const FIRST_PROCESS = 1;
/** Milliseconds between looks whether inetd is still there, and until who has connected by then is seen. */
const LOOK = 50;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

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
  const idle = setTimeout(
    () => (attachment.vm === undefined ? idle.refresh() : leave(serving, LONGEST_CALL, end)),
    STAY,
  );
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
  watchParent(inetd, () => stop("SIGTERM", LONGEST_CALL));
}
