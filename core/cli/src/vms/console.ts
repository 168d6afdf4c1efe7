import { connect } from "node:net";
import { consoleSocket, findVm } from "@netbind/local";
import { consoleNotServed } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { printMessage } from "../output.ts";
import { type Resolve, TOKENS } from "../tokens.ts";

/** Ctrl-], as telnet and virsh have it. */
const ESCAPE = 0x1d;

/** `netbind console`: the guest's serial console, until Ctrl-] or the end of standard input. */
export function console(name: string, resolve: Resolve): Promise<number> {
  const state = resolve(TOKENS.state);
  const record = findVm(state, name);
  const socket = connect(consoleSocket(state, record));
  const { stdin, stdout } = process;
  if (stdin.isTTY) printMessage(`console of ${record.namespace}/${record.name}; leave it with Ctrl-]`);
  return new Promise((resolveExit, reject) => {
    const leave = (code: number): void => {
      if (stdin.isTTY) stdin.setRawMode(false);
      stdin.pause();
      socket.destroy();
      resolveExit(code);
    };
    socket.once("error", (error) => reject(consoleNotServed(name, error)));
    socket.once("connect", () => {
      if (stdin.isTTY) stdin.setRawMode(true);
      socket.write("\n");
    });
    // What the guest says waits with it where the terminal does not take it, and what is typed where the guest does not.
    socket.pipe(stdout, { end: false });
    socket.on("close", () => leave(EXIT.ok));
    socket.on("drain", () => stdin.resume());
    stdin.on("data", (chunk: Buffer) => {
      if (stdin.isTTY && chunk.includes(ESCAPE)) leave(EXIT.ok);
      else if (!socket.write(chunk) && !stdin.isTTY) stdin.pause();
    });
    // What was typed before the end may still have an answer.
    stdin.on("end", () => setTimeout(() => leave(EXIT.ok), 500));
    process.once("SIGINT", () => leave(EXIT.interrupted));
  });
}
