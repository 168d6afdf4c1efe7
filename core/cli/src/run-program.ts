import type { CalledAs } from "./commands/command-context.ts";
import { buildProgram } from "./program.ts";

/** Runs the command line of this process. */
export async function runProgram(calledAs: CalledAs): Promise<void> {
  // The reader of the output may stop reading. That is not an error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  const program = buildProgram(async () => (await import("./compose.ts")).compose(), calledAs);
  process.exitCode = await program(process.argv.slice(2));
  // Else the runtime goes through the memory of a large input once more before it gives it back.
  if (process.stdout.writableLength === 0 && process.stderr.writableLength === 0) process.exit();
}
