import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The command as its sources are, as arguments of Node. */
export const SOURCE: readonly string[] = [
  "--conditions=@netbind/source",
  fileURLToPath(new URL("../../../core/cli/src/main.ts", import.meta.url)),
];
/** The same as kubectl's plugin. */
export const KUBECTL: readonly string[] = [
  "--conditions=@netbind/source",
  fileURLToPath(new URL("../../../core/cli/src/kubectl-main.ts", import.meta.url)),
];
/** What is published: bundled by `npm run build`. */
export const BUILT: readonly string[] = [
  fileURLToPath(new URL("../../../core/cli/dist/bundle/netbind.mjs", import.meta.url)),
];

/** What tests call: the sources, or, where a whole tier runs, what was bundled of them just before, which starts in less than half the time. */
const PROGRAM = process.env["NETBIND_TESTED"] === "bundle" ? BUILT : SOURCE;

/** What the runtime made of the sources: half of what a call of the command takes is that. */
export const COMPILED = fileURLToPath(new URL("../../../node_modules/.cache/netbind-compiled", import.meta.url));

/** How a call of the command ended. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Calls the `netbind` command, as a person does: another process, its exit code, its two outputs. */
export function netbind(
  args: readonly string[],
  options: {
    readonly env?: NodeJS.ProcessEnv;
    readonly stdin?: string;
    readonly echoStderr?: boolean;
    readonly program?: readonly string[];
    /** Directory that it is called in. */
    readonly cwd?: string;
    /** Path of the network namespace that is the machine's own for it. */
    readonly netns?: string;
    /** What makes it run on another node than this machine: `HostileNode.enter`. */
    readonly enter?: readonly string[];
  } = {},
): Promise<Outcome> {
  const argv = [process.execPath, ...(options.program ?? PROGRAM), ...args];
  const enter = options.netns === undefined ? (options.enter ?? []) : ["nsenter", `--net=${options.netns}`, "--"];
  const [file = "", ...rest] = [...enter, ...argv];
  const child = spawn(file, rest, {
    cwd: options.cwd,
    env: { NODE_COMPILE_CACHE: COMPILED, ...process.env, ...options.env },
    stdio: "pipe",
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString("utf8");
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString("utf8");
    if (options.echoStderr === true) process.stderr.write(chunk);
  });
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.stdin ?? "");
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}
