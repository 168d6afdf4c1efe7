import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";

/**
 * Waits for what a first process says next.
 *
 * @throws Error where it says how it failed, or ends: with the end of its log
 */
export async function heard(child: ChildProcess, what: string, log: string): Promise<void> {
  const [said] = await Promise.race([
    once(child, "message"),
    once(child, "exit").then(() => [{ failed: `it ended: ${readFileSync(log, "utf8").slice(-1000)}` }]),
  ]);
  if (typeof said === "object" && said !== null && "failed" in said)
    throw new Error(`${what} does not start: ${String(said.failed)}`);
}
