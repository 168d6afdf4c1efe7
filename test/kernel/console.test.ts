/** A guest's console is read on descriptors: what a VM's user puts in its directory leads to nothing else. */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { stateDirectories } from "@netbind/local";
import { endProcesses, isAlive, type ProcessId, waitUntil } from "@netbind/netns";
import { afterEach, beforeEach, expect, test } from "vitest";
import { consoleFiles, type ConsoleLocation, startConsole } from "../../core/local/src/launcher/console.ts";
import { makeStateDirectory } from "../support/guest/machine.ts";
import { TestNetns } from "../support/netns/netns.ts";

const USER = { uid: 1_900_000_055, gid: 1_900_000_055 };
const MIB = 1024 ** 2;

let directory: string;
let launcher: string;
const open: (Server | Socket)[] = [];
let reader: readonly ProcessId[] = [];

beforeEach(() => {
  directory = makeStateDirectory("console");
  launcher = join(directory, "launcher");
  mkdirSync(join(launcher, "run"), { recursive: true });
  for (const path of [launcher, join(launcher, "run")]) chownSync(path, USER.uid, USER.gid);
});
afterEach(async () => {
  for (const one of open.splice(0)) "destroy" in one ? one.destroy() : one.close();
  await endProcesses(reader);
  reader = [];
  rmSync(directory, { recursive: true });
});

const place = (netns: TestNetns): ConsoleLocation => ({
  ...{ netns: netns.path, directory, launcher, user: USER, deadline: 1500 },
  cache: stateDirectories(process.env).cache,
});

/** Serves a serial port as QEMU does, and gives the connection to it. */
async function serial(path: string, uid: number): Promise<{ readonly connected: Promise<Socket> }> {
  const server = createServer();
  open.push(server);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  chmodSync(path, 0o700);
  chownSync(path, uid, uid);
  const connected = new Promise<Socket>((resolve) =>
    server.once("connection", (socket) => resolve(socket.on("error", () => undefined))),
  );
  return { connected };
}

function client(): Socket & { heard: () => string } {
  const socket = connect(consoleFiles(directory).socket);
  open.push(socket);
  let text = "";
  socket.on("error", () => undefined).on("data", (chunk) => (text += chunk.toString("latin1")));
  return Object.assign(socket, { heard: () => text });
}

/** Starts the reader of a port of this VM. */
async function startReader(netns: TestNetns): Promise<Socket> {
  const { connected } = await serial(join(launcher, "run/serial.sock"), USER.uid);
  reader = await startConsole(place(netns));
  const guest = await connected;
  open.push(guest);
  return guest;
}

test("what a guest says goes to its clients and its log, what they type to the guest; the reader ends with the port", async () => {
  await using netns = await TestNetns.make();
  const guest = await startReader(netns);
  let typed = "";
  guest.on("data", (chunk) => (typed += chunk.toString()));
  const one = client();
  await waitUntil(() => !one.connecting, 5000);
  one.write("ls\n");
  expect(await waitUntil(() => typed === "ls\n", 10_000)).toBe(true);
  guest.write("hello");
  expect(await waitUntil(() => one.heard() === "hello", 5000)).toBe(true);
  expect(readFileSync(consoleFiles(directory).log, "utf8")).toBe("hello");
  expect(statSync(consoleFiles(directory).socket)).toMatchObject({ uid: 0 });
  const [, inner] = reader;
  expect(readFileSync(`/proc/${inner?.pid}/status`, "utf8")).toContain(`Uid:\t${USER.uid}\t${USER.uid}`);
  guest.destroy();
  expect(await waitUntil(() => !reader.some(isAlive), 5000)).toBe(true);
});

test("a link in the place of the serial port, and another user's socket there, are never dialed", async () => {
  await using netns = await TestNetns.make();
  const victim = join(directory, "victim.sock");
  let dialed = 0;
  await serial(victim, USER.uid + 1);
  (open[0] as Server).on("connection", () => (dialed += 1));
  symlinkSync(victim, join(launcher, "run/serial.sock"));
  await expect(startConsole(place(netns))).rejects.toThrow(/serial port cannot be opened/);
  rmSync(join(launcher, "run/serial.sock"));
  await serial(join(launcher, "run/serial.sock"), USER.uid + 1);
  await expect(startConsole(place(netns))).rejects.toThrow(`belongs to uid ${USER.uid + 1}`);
  rmSync(join(launcher, "run"), { recursive: true });
  symlinkSync(directory, join(launcher, "run"));
  symlinkSync(victim, join(directory, "serial.sock"));
  await expect(startConsole(place(netns))).rejects.toThrow(/serial port cannot be opened/);
  expect(dialed).toBe(0);
});

test("links in the launcher's directory where sockets and logs were are not followed", async () => {
  await using netns = await TestNetns.make();
  const victim = join(directory, "victim");
  writeFileSync(victim, "as it was");
  for (const name of ["run/console.sock", "console.log", "console.sock"]) symlinkSync(victim, join(launcher, name));
  const guest = await startReader(netns);
  guest.write("hello");
  const one = client();
  expect(
    await waitUntil(
      () => existsSync(consoleFiles(directory).log) && statSync(consoleFiles(directory).log).size === 5,
      5000,
    ),
  ).toBe(true);
  one.write("x");
  expect(readFileSync(victim, "utf8")).toBe("as it was");
});

test("a client that does not read, a guest that does not, and one that never stops take a bounded memory and disk", async () => {
  await using netns = await TestNetns.make();
  const guest = await startReader(netns);
  const deaf = client();
  deaf.pause();
  const hearing = client();
  // A client hears from the moment when the reader takes it, which is after it is connected.
  const isHeard = (): boolean => {
    if (hearing.heard() === "") guest.write(".");
    return hearing.heard() !== "";
  };
  expect(await waitUntil(isHeard, 5000, 200)).toBe(true);
  const first = hearing.heard().length;
  const size = 24 * MIB;
  const line = Buffer.alloc(MIB / 4, "x");
  for (let sent = line.length; sent <= size; sent += line.length) {
    guest.write(line);
    expect(await waitUntil(() => hearing.heard().length === first + sent, 20_000, 1)).toBe(true);
  }
  expect(deaf.heard()).toBe("");
  const { log, before } = consoleFiles(directory);
  for (const file of [log, before]) expect(statSync(file).size).toBeLessThanOrEqual(MIB / 2);
  // It was dropped: what it had not read is gone with it.
  deaf.resume();
  expect(await waitUntil(() => deaf.destroyed, 5000)).toBe(true);
  expect(deaf.heard().length).toBeLessThan(4 * MIB);
  // The guest reads nothing: what is typed waits with those who type.
  guest.pause();
  for (let at = 0; at < 24; at++) hearing.write(Buffer.alloc(MIB, "y"));
  await new Promise((resolve) => setTimeout(resolve, 1000));
  expect(hearing.writableLength).toBeGreaterThan(20 * MIB);
  const memory = /VmRSS:\s*(\d+) kB/.exec(readFileSync(`/proc/${childOf(reader[1]?.pid ?? 0)}/status`, "utf8"))?.[1];
  expect(Number(memory) / 1024).toBeLessThan(120);
  // One more than are served is turned away; the others are not disturbed.
  const many = Array.from({ length: 20 }, client);
  expect(await waitUntil(() => many.filter(({ destroyed }) => destroyed).length >= 4, 5000)).toBe(true);
  expect(reader.every(isAlive)).toBe(true);
});

/** The reader itself: the child of its sandbox's first process. */
const childOf = (pid: number): string =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ")[0] || String(pid);
