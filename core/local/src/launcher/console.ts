import { closeSync, chmodSync, constants, linkSync, openSync, renameSync, rmSync } from "node:fs";
import { connect, createServer, type Server, Socket } from "node:net";
import { once } from "node:events";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  LIBRARY_BINDS,
  type Limits,
  FILE_LIMIT,
  type ProcessId,
  type Sandbox,
  scaled,
  startSandboxed,
  waitUntil,
} from "@netbind/netns";
import { HeldDirectory } from "@netbind/remote/sidecar";
import { publishConsole } from "../pod/sidecar-files.ts";
import type { VmUser } from "./vm-user.ts";
import { noDescriptor, silentGuest, unopenedConsole, unopenedSerialPort } from "../errors.ts";

const START_DEADLINE = 20_000;
const MIB = 1024 ** 2;
const LIMITS: Limits = { files: scaled(128), data: scaled(1024 * MIB), fileSize: FILE_LIMIT, tmp: 0 };
const { O_CREAT, O_NOFOLLOW, O_RDWR } = constants;

/** A pod whose guest has a console. */
export interface ConsoleLocation {
  /** Path of the pod's network namespace. */
  readonly netns: string;
  /** The pod's directory, which only the host changes. */
  readonly directory: string;
  /** The launcher's directory, which is the VM's user's. */
  readonly launcher: string;
  readonly user: VmUser;
  /** Where programs are kept that VMs' users may run. */
  readonly cache: string;
  /** Milliseconds until the guest's serial port is there. */
  readonly deadline?: number;
}

/** The socket that a console is served on, and the files of what its guest said. All are in the pod's directory, not the launcher's. */
export const consoleFiles = (
  directory: string,
): { readonly socket: string; readonly log: string; readonly before: string } => ({
  socket: join(directory, "console.sock"),
  log: join(directory, "console.log"),
  before: join(directory, "console.log.1"),
});

/**
 * Connects to the serial port that QEMU serves, once it does: no link is followed, and what is dialed is what was
 * checked.
 */
async function connectSerial({ launcher, user, deadline = START_DEADLINE }: ConsoleLocation): Promise<Socket> {
  let last: Error = new Error("it has none");
  let serial: Socket | undefined;
  await waitUntil(async () => {
    try {
      using directory = HeldDirectory.open(launcher, ["run"]);
      using held = directory.socket("serial.sock", user.uid);
      const socket = new Socket();
      // What the guest says is its reader's.
      socket.pause();
      socket.connect(held.path);
      await once(socket, "connect");
      socket.on("error", () => undefined);
      serial = socket;
    } catch (error) {
      last = error as Error;
    }
    return serial !== undefined;
  }, deadline);
  if (serial === undefined) throw unopenedSerialPort(last);
  return serial;
}

/** A socket for clients, under a name that is not known yet. */
async function listen(path: string): Promise<Server> {
  rmSync(path, { force: true });
  const server = createServer();
  server.listen(path);
  await once(server, "listening");
  chmodSync(path, 0o600);
  return server;
}

/** The descriptor of a socket. Node hands down streams alone, and a server is none: its handle has the number. */
function descriptorOf(socket: Socket | Server): number {
  const { fd } = (socket as unknown as { readonly _handle: { readonly fd: number } })._handle;
  if (!Number.isInteger(fd) || fd < 0) throw noDescriptor();
  return fd;
}

/** The reader sees its runtime and its own program, and nothing else of the machine. */
function readerSandbox({ user, cache }: ConsoleLocation): Sandbox {
  const program = fileURLToPath(
    new URL(import.meta.url.endsWith(".ts") ? "console-drain.ts" : "console-drain.js", import.meta.url),
  );
  const target = `/netbind/console${extname(program) === ".ts" ? ".mts" : ".mjs"}`;
  const published = publishConsole(cache, process.execPath, program);
  return {
    ...user,
    limits: LIMITS,
    binds: [
      ...LIBRARY_BINDS,
      { source: published.node, target: "/netbind/node" },
      { source: published.bundle, target },
    ],
    env: { NODE_NO_WARNINGS: "1", MALLOC_ARENA_MAX: "1" },
    argv: ["/netbind/node", "--max-semi-space-size=1", "--max-old-space-size=64", target],
  };
}

/**
 * Starts the process that reads the guest's console, in the pod's namespace so that it ends with the pod. It gets what it works
 * on as descriptors: nothing that the VM's user can put in a path's place changes what it reads, serves or writes.
 */
export async function startConsole(place: ConsoleLocation): Promise<readonly ProcessId[]> {
  const files = consoleFiles(place.directory);
  const [next, hidden] = [`${files.socket}.next`, `${files.socket}.new`];
  const serial = await connectSerial(place);
  const server = await listen(hidden);
  const logs = [files.log, files.before].map((file) => openSync(file, O_CREAT | O_RDWR | O_NOFOLLOW, 0o600));
  try {
    const logFile = join(place.directory, "console-reader.log");
    const { processes, inner } = await startSandboxed(readerSandbox(place), {
      ...{ netns: place.netns, logFile },
      inherited: [descriptorOf(serial), descriptorOf(server), ...logs],
    });
    if (inner === undefined) throw unopenedConsole(logFile);
    rmSync(next, { force: true });
    linkSync(hidden, next);
    // Closing a server removes the name that it was made under, and clients are the reader's from here on.
    renameSync(next, files.socket);
    return processes;
  } finally {
    server.close();
    serial.destroy();
    for (const log of logs) closeSync(log);
  }
}

/** How often a shell that has not answered yet is called: what is typed while it starts, it may not read. */
const CALL_EVERY = 2000;

/**
 * Runs a command in the demo guest's shell, once it answers, and gives what it printed, without the echo.
 *
 * @throws Error where the guest does not answer in time
 */
export function guestCommand(socketPath: string, command: string, deadline = 20_000): Promise<string> {
  const mark = `nb${Math.random().toString(36).slice(2, 10)}`;
  const socket = connect(socketPath);
  return new Promise((resolve, reject) => {
    let seen = "";
    let asked = false;
    const call = (): void => void socket.write(`\necho ${mark}''-here\n`);
    const finish = (end: () => void): void => {
      clearTimeout(timer);
      clearInterval(calls);
      socket.destroy();
      end();
    };
    const timer = setTimeout(() => finish(() => reject(silentGuest(command, deadline, seen))), deadline);
    const calls = setInterval(call, CALL_EVERY);
    socket.on("error", (error) => finish(() => reject(error)));
    socket.on("data", (chunk) => {
      seen += chunk.toString("utf8").replaceAll("\r", "");
      // The echo of what is typed holds the marks in quotes; what is printed holds them without.
      if (!asked && seen.includes(`${mark}-here\n`)) {
        asked = true;
        clearInterval(calls);
        socket.write(`echo ${mark}''-begin; { ${command}\n} 2>&1; echo ${mark}''-end\n`);
      }
      const answer = seen.split(`${mark}-begin\n`)[1];
      const end = answer?.indexOf(`${mark}-end`) ?? -1;
      if (answer !== undefined && end !== -1) finish(() => resolve(answer.slice(0, end)));
    });
    call();
  });
}
