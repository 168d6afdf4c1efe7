/** Serves calls of the `netbind` command, one after the other: a message is its arguments, the answer how it ended. */
import { compose } from "../../../core/cli/src/compose.ts";
import { buildProgram } from "../../../core/cli/src/program.ts";
import type { Outcome } from "./netbind.ts";

const printed = { stdout: "", stderr: "" };
for (const name of ["stdout", "stderr"] as const)
  process[name].write = (text: string | Uint8Array): boolean => {
    printed[name] += String(text);
    return true;
  };

process.on("message", async (args: readonly string[]) => {
  printed.stdout = "";
  printed.stderr = "";
  // A command listens to what would interrupt it, and expects to be its process's only one.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.removeAllListeners(signal);
  const code = await buildProgram(async () => compose())(args);
  process.send?.({ code, ...printed } satisfies Outcome);
});
process.once("disconnect", () => process.exit(0));
