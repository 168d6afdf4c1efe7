import { type ChildProcess, spawn } from "node:child_process";

/** A TCP connection out of a network namespace, held by a process there, to a server that sends back what it gets. */
export class EchoStream implements Disposable {
  readonly #holder: ChildProcess;
  #got = "";

  constructor(netns: string, address: string, port: number) {
    const hold = `
      const { connect } = await import("node:net");
      // A guest has its address before its program listens.
      const again = ({ code }) => (code === "ECONNREFUSED" ? setTimeout(dial, 100) : process.exit(1));
      const dial = () => {
        const socket = connect(${port}, ${JSON.stringify(address)}).once("error", again).once("connect", () => {
          socket.off("error", again).on("error", () => process.exit(1));
          process.stdin.pipe(socket).pipe(process.stdout);
        });
      };
      dial();`;
    const argv = [`--net=${netns}`, "--", process.execPath, "--input-type=module", "-e", hold];
    this.#holder = spawn("nsenter", argv, { stdio: ["pipe", "pipe", "inherit"] });
    this.#holder.stdout?.on("data", (chunk: Buffer) => {
      this.#got += chunk.toString("utf8");
    });
  }

  /** Sends a line and waits until it came back: false where it did not in half a minute: a slow machine's guest may be about to listen. */
  async echoes(line: string): Promise<boolean> {
    this.#holder.stdin?.write(`${line}\n`);
    for (let waited = 0; waited < 600; waited++) {
      if (this.#got.includes(`${line}\n`)) return true;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return false;
  }

  [Symbol.dispose](): void {
    this.#holder.kill("SIGKILL");
  }
}
