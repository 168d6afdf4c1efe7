import { buildProgram } from "./program.ts";

// The reader of the output may stop reading. That is not an error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});
process.exitCode = await buildProgram(async () => (await import("./compose.ts")).compose())(process.argv.slice(2));
