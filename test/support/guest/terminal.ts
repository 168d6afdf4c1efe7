import { spawn } from "node:child_process";
import { COMPILED, SOURCE } from "./netbind.ts";

/** A word of a shell's command line. */
const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** What a terminal of so many columns gets of a call of the command: both of its outputs, in their order. */
export function netbindOnTerminal(
  args: readonly string[],
  { cwd, columns, env }: { readonly cwd: string; readonly columns: number; readonly env: NodeJS.ProcessEnv },
): Promise<string> {
  const command = [process.execPath, ...SOURCE, ...args].map(quoted).join(" ");
  // script is of util-linux, as nsenter is; it gives a command a terminal of its own.
  const child = spawn("script", ["-qec", `stty cols ${columns}; exec ${command}`, "/dev/null"], {
    cwd,
    env: { PATH: process.env["PATH"], TERM: "xterm", NODE_COMPILE_CACHE: COMPILED, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => {
    text += chunk.toString("utf8");
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", () => resolve(text.replaceAll("\r\n", "\n")));
  });
}
