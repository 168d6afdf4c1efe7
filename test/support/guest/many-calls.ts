/**
 * Calls the `netbind` command many times in one process, which loads it once. Reads calls as JSON from standard input, and
 * writes their outcomes, in the same order.
 */
import { text } from "node:stream/consumers";
import type { Call, Outcome } from "./netbind.ts";

const MAIN = new URL("../../../core/cli/src/main.ts", import.meta.url).href;

/** What is written to a stream meanwhile, instead of where it goes. */
function capture(stream: NodeJS.WriteStream): { readonly text: () => string; readonly end: () => void } {
  const own = stream.write;
  let written = "";
  stream.write = (chunk: string | Uint8Array): boolean => {
    written += typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("utf8");
    return true;
  };
  return {
    text: () => written,
    end: () => {
      stream.write = own;
    },
  };
}

/**
 * Each call evaluates the command's main module again: it has the arguments, directory and exit code of a process of
 * its own.
 */
async function call({ args, cwd }: Call, at: number): Promise<Outcome> {
  process.argv.splice(2, process.argv.length, ...args);
  process.chdir(cwd);
  process.exitCode = undefined;
  const [stdout, stderr] = [capture(process.stdout), capture(process.stderr)];
  try {
    await import(`${MAIN}?call=${at}`);
    return { code: Number(process.exitCode ?? 0), stdout: stdout.text(), stderr: stderr.text() };
  } finally {
    stdout.end();
    stderr.end();
  }
}

// The module listens on the stream each time.
process.stdout.setMaxListeners(0);
const calls = JSON.parse(await text(process.stdin)) as readonly Call[];
const outcomes: Outcome[] = [];
for (const [at, one] of calls.entries()) outcomes.push(await call(one, at));
process.exitCode = 0;
process.stdout.write(JSON.stringify(outcomes));
