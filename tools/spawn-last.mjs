/** Runs the last process of a command line: this one only passes signals on, and ends as that one ends. */
import { spawn } from "node:child_process";
import { innerEnv, nodePath, root } from "./bootstrap.mjs";

/** Runs a TypeScript file of the workspace from source, in the caller's working directory. */
export function runSource(file, args) {
  const child = spawn(nodePath(), ["--conditions=@netbind/source", `${root}/${file}`, ...args], {
    stdio: "inherit",
    env: innerEnv(),
  });
  // The terminal sends a Ctrl-C to the whole group: the child has it already.
  process.on("SIGINT", () => undefined);
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    console.error(`netbind: ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    for (const name of ["SIGTERM", "SIGHUP", "SIGINT"]) process.removeAllListeners(name);
    process.kill(process.pid, signal);
  });
}
