import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { COMPILED, type Outcome } from "./netbind.ts";

const SERVER = fileURLToPath(new URL("resident-server.ts", import.meta.url));

/** A call of the command, and what is its own: all else is the resident process's. */
export interface Call {
  readonly args: readonly string[];
  /** What standard input has; nothing where it is absent. */
  readonly stdin?: string;
  /** Directory that it is called in. */
  readonly cwd?: string;
  /** Variables beside those of the process. */
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * The `netbind` command in a process that stays: most of what a short command takes is its start. Each call has a program
 * of its own, which knows what is on the disk alone.
 */
export class ResidentNetbind implements AsyncDisposable {
  readonly #server: ChildProcess;
  #last: Promise<unknown> = Promise.resolve();

  constructor(env: NodeJS.ProcessEnv = {}) {
    this.#server = fork(SERVER, {
      execArgv: ["--conditions=@netbind/source"],
      env: { NODE_COMPILE_CACHE: COMPILED, ...process.env, ...env },
      // No terminal, as of a call whose output is read.
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    this.#server.stderr?.pipe(process.stderr);
  }

  /** Calls wait for each other. */
  call(args: readonly string[], more: Omit<Call, "args"> = {}): Promise<Outcome> {
    const outcome = this.#last.then(() => this.#answer({ args, ...more }));
    this.#last = outcome.catch(() => undefined);
    return outcome;
  }

  async #answer(call: Call): Promise<Outcome> {
    const over = new AbortController();
    const ended = once(this.#server, "exit", { signal: over.signal }).then(() => {
      throw new Error(`netbind ${call.args.join(" ")} ended its process`);
    });
    const answered = once(this.#server, "message", { signal: over.signal });
    this.#server.send(call);
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
