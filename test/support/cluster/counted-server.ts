/** What clients cost a server: the bytes that pass on their way to it and back, and its processor time. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** A way to a server on which bytes are counted. TLS passes through it. */
export class CountedServer implements AsyncDisposable {
  readonly #listener: Server;
  readonly #open = new Set<Socket>();
  #bytes = 0;

  private constructor(target: URL) {
    this.#listener = createServer((client) => {
      const server = connect(Number(target.port), target.hostname);
      for (const [from, to] of [
        [client, server],
        [server, client],
      ] as const) {
        this.#open.add(from);
        from.on("data", (chunk) => (this.#bytes += chunk.length));
        from.on("error", () => to.destroy());
        from.on("close", () => this.#open.delete(from));
        from.pipe(to);
      }
    });
  }

  /** Opens one on loopback. */
  static async open(target: string): Promise<CountedServer> {
    const counted = new CountedServer(new URL(target));
    counted.#listener.listen(0, "127.0.0.1");
    await once(counted.#listener, "listening");
    return counted;
  }

  /** The URL of clients; the server's certificate is for that address too. */
  get url(): string {
    return `https://127.0.0.1:${(this.#listener.address() as AddressInfo).port}`;
  }

  /** All that has passed so far, both ways. */
  get bytes(): number {
    return this.#bytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    const closed = once(this.#listener, "close");
    this.#listener.close();
    await closed;
  }
}

/** Milliseconds in a tick of proc_pid_stat(5). */
const TICK = 10;

/** The milliseconds of processor time that a process has had. */
export function processorTime(pid: number): number {
  // The name in brackets may have any character.
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK;
}
