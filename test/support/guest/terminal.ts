import { spawn } from "node:child_process";
import { COMPILED, SOURCE } from "./netbind.ts";

/** A word of a shell's command line. */
const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** A call of the command on a terminal. */
interface TerminalCall {
  readonly cwd: string;
  readonly columns: number;
  readonly env: NodeJS.ProcessEnv;
  readonly program?: readonly string[];
}

/** What a terminal of so many columns gets of a call of the command: both of its outputs, in their order. */
export const netbindOnTerminal = async (args: readonly string[], call: TerminalCall): Promise<string> =>
  (await callOnTerminal(args, call)).screen;

/** The same with the command's exit code. */
export function callOnTerminal(
  args: readonly string[],
  { cwd, columns, env, program = SOURCE }: TerminalCall,
): Promise<{ readonly screen: string; readonly code: number | null }> {
  const command = [process.execPath, ...program, ...args].map(quoted).join(" ");
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
    child.on("close", (code) => resolve({ code, screen: text.replaceAll("\r\n", "\n") }));
  });
}
