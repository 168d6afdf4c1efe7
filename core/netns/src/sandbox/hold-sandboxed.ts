import { spawn } from "node:child_process";
import { giveFilter } from "./give-filter.ts";
import { HeldProcess } from "../exec/held-process.ts";
import { findSandboxWay } from "./sandbox-way.ts";
import { type Sandbox, type SandboxWay, sandboxCommand } from "./sandbox.ts";
import { identifySandbox } from "./start-sandboxed.ts";

const END_DEADLINE = 5000;

/** A sandboxed process that is the caller's own: it ends with this object, and with the caller. */
export interface HeldSandbox extends AsyncDisposable {
  /** How it ended, in words; undefined while it runs. */
  ended(): string | undefined;
  /** Where this process finds the sandbox's root directory while it runs; undefined where it has no process any more. */
  readonly root: string | undefined;
}

/** An ordinary user has one way to make a sandbox; root tries which of them work here. */
const wayOf = async (): Promise<SandboxWay> =>
  process.geteuid?.() === 0 ? (await findSandboxWay()).way : "user-namespace";

/**
 * Starts a sandboxed process without any network, which does not outlive the caller. What it prints goes to `log`, a descriptor that
 * stays the caller's.
 *
 * @throws SandboxError where this machine lets root make no sandbox
 */
export async function holdSandboxed(sandbox: Omit<Sandbox, "held">, log: number): Promise<HeldSandbox> {
  const [file, ...args] = sandboxCommand({ ...sandbox, held: true }, await wayOf());
  const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8" };
  const child = spawn(file ?? "", args, { stdio: ["ignore", log, log, "pipe", "pipe"], env });
  if (child.pid !== undefined) giveFilter(child);
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
  const { inner } = await identifySandbox(child, child.stdio[3]);
  const first = inner === undefined ? undefined : HeldProcess.of(inner);
  return {
    ended: () => end,
    root: first === undefined ? undefined : `${first.path}/root`,
    [Symbol.asyncDispose]: async () => {
      first?.[Symbol.dispose]();
      if (end !== undefined) return;
      // Its PID namespace ends with it, so nothing that it started is left.
      child.kill("SIGKILL");
      const timer = setTimeout(() => child.unref(), END_DEADLINE);
      await over;
      clearTimeout(timer);
    },
  };
}
