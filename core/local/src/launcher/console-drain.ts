/**
 * Keeps a guest's serial console flowing: a guest whose console is not read stops. Runs in a sandbox without any file
 * of the machine's, on descriptors that its starter opened; outlives that, and ends when QEMU closes the socket.
 */
import { fstatSync, ftruncateSync, readSync, writeSync } from "node:fs";
import { createServer, Socket } from "node:net";

/** The connection to QEMU, the socket of the console's clients, and two files of what the guest said: now and before. */
const [SERIAL, CLIENTS, LOG, BEFORE] = [5, 6, 7, 8] as const;
/** Two files of this size are kept: what the guest says must not fill a disk. */
const LOG_LIMIT = 512 * 1024;
/** Bytes that wait for a client: one that does not read is dropped. */
const CLIENT_LIMIT = 1024 * 1024;
const MOST_CLIENTS = 16;

let logged = fstatSync(LOG).size;

/** Keeps what was said so far in the other file. */
function turnLog(): void {
  const text = Buffer.alloc(Math.min(logged, LOG_LIMIT));
  const length = readSync(LOG, text, 0, text.length, logged - text.length);
  ftruncateSync(BEFORE, 0);
  writeSync(BEFORE, text, 0, length, 0);
  ftruncateSync(LOG, 0);
  logged = 0;
}

function log(chunk: Buffer): void {
  if (logged + chunk.length > LOG_LIMIT) turnLog();
  logged += writeSync(LOG, chunk, 0, chunk.length, logged);
}

const serial = new Socket({ fd: SERIAL, readable: true, writable: true });
const clients = new Set<Socket>();
serial.on("data", (chunk: Buffer) => {
  log(chunk);
  for (const client of clients) {
    if (client.writableLength > CLIENT_LIMIT) client.destroy();
    else client.write(chunk);
  }
});
serial.on("error", () => undefined);
serial.on("close", () => process.exit(0));
// A guest that does not read is not typed at: what waits for it is one piece for each client.
serial.on("drain", () => {
  for (const client of clients) client.resume();
});

const server = createServer((client) => {
  clients.add(client);
  client.on("data", (chunk: Buffer) => {
    if (!serial.write(chunk)) for (const each of clients) each.pause();
  });
  client.on("error", () => undefined);
  client.on("close", () => clients.delete(client));
});
server.maxConnections = MOST_CLIENTS;
server.listen({ fd: CLIENTS });
