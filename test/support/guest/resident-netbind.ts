import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Outcome } from "./netbind.ts";

const SERVER = fileURLToPath(new URL("resident-server.ts", import.meta.url));

/**
 * The `netbind` command in a process that stays: most of what a short command takes is its start. Each call has a program
 * of its own, which knows what is on the disk alone; standard input it has none.
 */
export class ResidentNetbind implements AsyncDisposable {
  readonly #server: ChildProcess;

  constructor(env: NodeJS.ProcessEnv) {
    this.#server = fork(SERVER, { execArgv: ["--conditions=@netbind/source"], env: { ...process.env, ...env } });
  }

  /** One call at a time. */
  async call(args: readonly string[]): Promise<Outcome> {
    const over = new AbortController();
    const ended = once(this.#server, "exit", { signal: over.signal }).then(() => {
      throw new Error(`netbind ${args.join(" ")} ended its process`);
    });
    const answered = once(this.#server, "message", { signal: over.signal });
    this.#server.send(args);
    try {
      return (await Promise.race([answered, ended]))[0] as Outcome;
    } finally {
      over.abort();
      await Promise.allSettled([answered, ended]);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.exitCode !== null || this.#server.signalCode !== null) return;
    this.#server.kill("SIGKILL");
    await once(this.#server, "exit");
  }
}
