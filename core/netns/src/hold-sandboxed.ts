import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { giveFilter } from "./give-filter.ts";
import { findSandboxWay } from "./sandbox-way.ts";
import { type Sandbox, type SandboxWay, sandboxCommand } from "./sandbox.ts";

const END_DEADLINE = 5000;

/** A sandboxed process that is the caller's own: it ends with this object, and with the caller. */
export interface HeldSandbox extends AsyncDisposable {
  /** How it ended, in words; undefined while it runs. */
  ended(): string | undefined;
}

/** An ordinary user has one way to make a sandbox; root tries which of them work here. */
const wayOf = async (): Promise<SandboxWay> => (process.geteuid?.() === 0 ? (await findSandboxWay()).way : "user-namespace");

/**
 * Starts a sandboxed process without any network, which does not outlive the caller. What it prints goes to a file.
 *
 * @throws SandboxError where this machine lets root make no sandbox
 */
export async function holdSandboxed(sandbox: Omit<Sandbox, "held">, logFile: string): Promise<HeldSandbox> {
  const [file, ...args] = sandboxCommand({ ...sandbox, held: true }, await wayOf());
  const log = openSync(logFile, "a", 0o600);
  const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8" };
  const child = spawn(file ?? "", args, { stdio: ["ignore", log, log, "ignore", "pipe"], env });
  if (child.pid !== undefined) giveFilter(child);
  closeSync(log);
  let end: string | undefined;
  const over = new Promise<void>((resolve) => {
    child.on("error", (error) => {
      end ??= `it did not start: ${error.message}`;
      resolve();
    });
    child.on("exit", (code, signal) => {
      end ??= signal === null ? `it ended with exit code ${code}` : `it was ended by ${signal}`;
      resolve();
    });
  });
  return {
    ended: () => end,
    [Symbol.asyncDispose]: async () => {
      if (end !== undefined) return;
      // Its PID namespace ends with it, so nothing that it started is left.
      child.kill("SIGKILL");
      const timer = setTimeout(() => child.unref(), END_DEADLINE);
      await over;
      clearTimeout(timer);
    },
  };
}
