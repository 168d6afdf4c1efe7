/** Server programs of one cluster, each with a log of its own. Runs as the first process of a PID namespace. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import { join } from "node:path";

/** Command lines by the name of their log. */
export type CommandLines = Readonly<Record<string, readonly string[]>>;

/** Programs that run until they are stopped: one that ends by itself is told of. */
export class ProgramSet {
  readonly #commands: CommandLines;
  readonly #logs: string;
  readonly #onEnd: (what: string) => void;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #running = new Map<string, ChildProcess>();

  /** `environment`: what the programs have beside this process' own. */
  constructor(
    commands: CommandLines,
    logs: string,
    onEnd: (what: string) => void,
    environment: NodeJS.ProcessEnv = {},
  ) {
    this.#commands = commands;
    this.#logs = logs;
    this.#onEnd = onEnd;
    this.#environment = environment;
  }

  get names(): readonly string[] {
    return Object.keys(this.#commands);
  }

  /** Starts one that is not running. */
  start(name: string): void {
    const [file = "", ...args] = this.#commands[name] ?? [];
    if (this.#running.has(name)) return;
    const log = openSync(join(this.#logs, `${name}.log`), "a", 0o600);
    const child = spawn(file, args, { stdio: ["ignore", log, log], env: { ...process.env, ...this.#environment } });
    this.#running.set(name, child);
    const told = (how: string): void => {
      if (this.#running.get(name) === child) this.#onEnd(`${name} ${how}`);
    };
    child.on("error", (error) => told(`cannot be started: ${error.message}`));
    child.on("exit", (code, signal) => told(`ended with ${signal ?? `exit code ${code}`}`));
  }

  /** Kills one, as a node that fails would, and waits for its end. */
  async stop(name: string): Promise<void> {
    const child = this.#running.get(name);
    if (child === undefined) return;
    this.#running.delete(name);
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
}
