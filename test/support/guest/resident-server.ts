/** Serves calls of the `netbind` command, one after the other: a message is a call, the answer how it ended. */
import { closeSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compose } from "../../../core/cli/src/compose.ts";
import { buildProgram } from "../../../core/cli/src/program.ts";
import type { Outcome } from "./netbind.ts";
import type { Call } from "./resident-netbind.ts";

const printed = { stdout: "", stderr: "" };
for (const name of ["stdout", "stderr"] as const)
  process[name].write = (text: string | Uint8Array): boolean => {
    printed[name] += String(text);
    return true;
  };

const own = { env: { ...process.env }, cwd: process.cwd() };

/** Puts a file in the place of standard input: the lowest descriptor that is free is the next one's. */
function readFrom(file: string): void {
  closeSync(0);
  if (openSync(file, "r") !== 0) throw new Error(`${file} is not standard input`);
}

/** Gives a call an input with a text in it. */
function fillInput(text: string): void {
  const file = join(tmpdir(), `netbind-input-${process.pid}`);
  writeFileSync(file, text);
  readFrom(file);
  rmSync(file);
}

function setEnv(env: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(process.env)) delete process.env[name];
  for (const [name, value] of Object.entries(env)) if (value !== undefined) process.env[name] = value;
}

async function answer({ args, stdin = "", cwd = own.cwd, env = {} }: Call): Promise<Outcome> {
  printed.stdout = "";
  printed.stderr = "";
  // A command listens to what would interrupt it, and expects to be its process's only one.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.removeAllListeners(signal);
  setEnv({ ...own.env, ...env });
  process.chdir(cwd);
  fillInput(stdin);
  const code = await buildProgram(async () => compose())(args);
  return { code, ...printed };
}

process.on("message", async (call: Call) => process.send?.(await answer(call)));
process.once("disconnect", () => process.exit(0));
