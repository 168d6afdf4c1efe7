/** How a person leaves a guest's console. */
import { createServer, connect, type Socket } from "node:net";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { relayConsole, type Terminal } from "../../../core/cli/src/vms/console.ts";

let directory: string;
let close: (() => void)[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "netbind-console-"));
  close = [];
});
afterEach(() => {
  for (const one of close) one();
  rmSync(directory, { recursive: true });
});

/** A guest that greets, and the connection to it. */
async function guest(): Promise<{ readonly socket: Socket; readonly heard: () => string }> {
  let heard = "";
  const server = createServer((connection) => {
    connection.write("/ # ");
    connection.on("data", (chunk: Buffer) => {
      heard += chunk.toString("utf8");
    });
  });
  close.push(() => server.close());
  const path = join(directory, "console");
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return { socket: connect(path), heard: () => heard };
}

function terminal(
  isTTY: boolean,
): { readonly typed: PassThrough; readonly shown: PassThrough; readonly raw: boolean[] } & Terminal {
  const [typed, shown] = [new PassThrough(), new PassThrough()];
  const raw: boolean[] = [];
  const stdin = Object.assign(typed, { isTTY, setRawMode: (mode: boolean) => void raw.push(mode) });
  return { typed, shown, raw, stdin: stdin as unknown as Terminal["stdin"], stdout: shown };
}

test("Ctrl-] leaves a terminal as it was, and says that it was meant", async () => {
  const { socket, heard } = await guest();
  const seat = terminal(true);
  const left = relayConsole(socket, seat);
  await vi.waitFor(() => expect(String(seat.shown.read() ?? "")).toContain("/ # "));
  seat.typed.write("ls");
  await vi.waitFor(() => expect(heard()).toContain("ls"));
  seat.typed.write("\u001d");
  expect(await left).toBe("escape");
  expect(seat.raw).toEqual([true, false]);
});

test("without a terminal the character is the guest's, and the end of the input leaves", async () => {
  const { socket, heard } = await guest();
  const seat = terminal(false);
  const left = relayConsole(socket, seat);
  seat.typed.end("a\u001db");
  expect(await left).toBe("end");
  expect(heard()).toContain("a\u001db");
});

test("a console that nobody serves is an error", async () => {
  await expect(relayConsole(connect(join(directory, "none")), terminal(true))).rejects.toThrow("ENOENT");
});
