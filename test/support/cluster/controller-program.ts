/** The controller, or a node agent, as a program that a test starts and ends. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { AGENT, CONTROLLER, WITH_COMPILED } from "../build/programs.ts";

/** A controller that runs. */
export class Program implements AsyncDisposable {
  protected static readonly program: readonly string[] = CONTROLLER;
  readonly #child: ChildProcess;
  log = "";

  constructor(...options: readonly string[]) {
    const args = [...(this.constructor as typeof Program).program, ...options];
    const env = { ...process.env, ...WITH_COMPILED };
    this.#child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"], env });
    this.#child.stderr?.on("data", (chunk: Buffer) => (this.log += chunk.toString()));
  }

  async end(signal?: NodeJS.Signals): Promise<number | null> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return this.#child.exitCode;
    const ended = once(this.#child, "exit");
    if (signal !== undefined) this.#child.kill(signal);
    await ended;
    return this.#child.exitCode;
  }

  /** What is served at a path: its status and its text. */
  async served(path: string): Promise<string> {
    const port = /"port":(\d+)/.exec(this.log)?.[1];
    if (port === undefined) return "nothing is served yet";
    const answer = await fetch(`http://127.0.0.1:${port}${path}`);
    return `${answer.status} ${await answer.text()}`;
  }

  async isLeading(): Promise<boolean> {
    // A whole line: the help before it names the metric too, and what 1 means.
    return /^netbind_controller_leading 1$/m.test(await this.served("/metrics"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("SIGTERM");
  }
}

/** A node agent that runs. */
export class AgentProgram extends Program {
  protected static override readonly program: readonly string[] = AGENT;
}
