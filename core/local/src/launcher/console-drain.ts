/**
 * Keeps a guest's serial console flowing. A guest whose console nobody reads stops. Runs as a process of its own, which
 * outlives the command that started it, and ends when QEMU closes the socket.
 *
 * Usage: console-drain SERIAL_SOCKET CONSOLE_SOCKET LOG_FILE MILLISECONDS UID GID
 */
import { appendFileSync, chmodSync, renameSync, rmSync, statSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";

/** Two files of this size are kept: what the guest says must not fill a disk. */
const LOG_LIMIT = 512 * 1024;
/** A client that does not read is dropped. */
const CLIENT_LIMIT = 1024 * 1024;

const [serialPath = "", consolePath = "", logFile = "", patience = "0", uid = "", gid = ""] = process.argv.slice(2);

const INTERVAL = 20;

let logged = 0;
function log(chunk: Buffer): void {
  appendFileSync(logFile, chunk, { mode: 0o600 });
  logged += chunk.length;
  if (logged < LOG_LIMIT) return;
  renameSync(logFile, `${logFile}.1`);
  logged = 0;
}

function openSerial(attemptsLeft: number): void {
  const serial = connect(serialPath);
  serial.once("error", () => {
    if (attemptsLeft <= 0) process.exit(1);
    setTimeout(() => openSerial(attemptsLeft - 1), INTERVAL);
  });
  serial.once("connect", () => serve(serial));
}

function serve(serial: Socket): void {
  const clients = new Set<Socket>();
  serial.on("data", (chunk: Buffer) => {
    log(chunk);
    for (const client of clients) {
      if (client.writableLength > CLIENT_LIMIT) client.destroy();
      else client.write(chunk);
    }
  });
  serial.on("error", () => undefined);
  serial.on("close", () => {
    rmSync(consolePath, { force: true });
    process.exit(0);
  });
  const server = createServer((client) => {
    clients.add(client);
    client.on("data", (chunk: Buffer) => serial.write(chunk));
    client.on("error", () => undefined);
    client.on("close", () => clients.delete(client));
  });
  rmSync(consolePath, { force: true });
  server.listen(consolePath, () => {
    chmodSync(consolePath, 0o600);
    process.send?.("ready");
    process.disconnect?.();
  });
}

try {
  logged = statSync(logFile).size;
} catch {
  // The first line makes it.
}
// Only root may give its privileges up; the directory is the VM user's.
if (process.getuid?.() === 0) {
  process.setgroups?.([]);
  process.setgid?.(Number(gid));
  process.setuid?.(Number(uid));
}
openSerial(Number(patience) / INTERVAL);
