import { connect, type Socket } from "node:net";
import { consoleSocket, findVm } from "@netbind/local";
import { consoleNotServed } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { print, printMessage } from "../output.ts";
import { type Resolve, TOKENS } from "../tokens.ts";

/** Ctrl-], as telnet and virsh have it. */
const ESCAPE = 0x1d;

/** Where a person types, and reads what the guest says. */
export interface Terminal {
  readonly stdin: Pick<NodeJS.ReadStream, "isTTY" | "setRawMode" | "pause" | "resume" | "on">;
  readonly stdout: NodeJS.WritableStream;
}

/** How a console was left. */
export type Left = "escape" | "end" | "interrupt";

/** Connects a terminal with a guest's console, until the person leaves it, or either ends. @throws Error where the console fails */
export function relayConsole(socket: Socket, { stdin, stdout }: Terminal): Promise<Left> {
  return new Promise((resolve, reject) => {
    const leave = (how: Left): void => {
      if (stdin.isTTY) stdin.setRawMode(false);
      stdin.pause();
      socket.destroy();
      resolve(how);
    };
    socket.once("error", reject);
    socket.once("connect", () => {
      if (stdin.isTTY) stdin.setRawMode(true);
      socket.write("\n");
    });
    // What the guest says waits with it where the terminal does not take it, and what is typed where the guest does not.
    socket.pipe(stdout, { end: false });
    socket.on("close", () => leave("end"));
    socket.on("drain", () => stdin.resume());
    stdin.on("data", (chunk: Buffer) => {
      if (stdin.isTTY && chunk.includes(ESCAPE)) leave("escape");
      else if (!socket.write(chunk) && !stdin.isTTY) stdin.pause();
    });
    // What was typed before the end may still have an answer.
    stdin.on("end", () => setTimeout(() => leave("end"), 500));
    process.once("SIGINT", () => leave("interrupt"));
  });
}

/** `netbind console`: the guest's serial console, until Ctrl-] or the end of standard input. */
export async function console(name: string, resolve: Resolve): Promise<number> {
  const state = resolve(TOKENS.state);
  const record = findVm(state, name);
  const vm = `${record.namespace}/${record.name}`;
  const socket = connect(consoleSocket(state, record));
  if (process.stdin.isTTY) printMessage(`console of ${vm}; leave it with Ctrl-]`);
  const left = await relayConsole(socket, process).catch((error: unknown) => {
    throw consoleNotServed(name, error as Error);
  });
  if (left === "escape") {
    // The guest's prompt has no line's end.
    print("");
    printMessage(`left the console; VM ${vm} is still running`);
  }
  return left === "interrupt" ? EXIT.interrupted : EXIT.ok;
}
