import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { scaledTimeout } from "./scaled-timeout.ts";

/** A child process that ended with an error, did not start, or did not end in time. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly argv: readonly string[];
  readonly exitCode: number | undefined;
  readonly stderr: string;

  constructor(argv: readonly string[], what: string, stderr: string, exitCode?: number) {
    super(`${argv.join(" ")}: ${what}${stderr === "" ? "" : `: ${stderr.trim()}`}`);
    this.argv = argv;
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}

/** What a child gets and how long it may take. */
export interface ExecOptions {
  readonly stdin?: string | Buffer;
  /** Milliseconds until the child is killed; 30 s where none is given. */
  readonly deadline?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Open descriptors that the child gets too: the first as 3, the next as 4, and so on. */
  readonly descriptors?: readonly number[];
  /** Aborted where the caller does not wait any longer: the child is killed as at the deadline. */
  readonly signal?: AbortSignal;
}

/** Runs a command to its end and gives its standard output. */
export type Exec = (argv: readonly string[], options?: ExecOptions) => Promise<string>;

const DEFAULT_DEADLINE = 30_000;
const OUTPUT_LIMIT = 64 * 1024 * 1024;

/** The environment of a child: nothing of ours but what finds programs. Messages in English, to be read by us. */
const childEnv = (extra: ExecOptions["env"]): NodeJS.ProcessEnv => ({
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  LC_ALL: "C.UTF-8",
  ...extra,
});

/** A child does not outlive a caller that was killed: no process would know of it. */
const WITH_CALLER = ["setpriv", "--pdeathsig", "KILL", "--"] as const;

/** Ends a child, and says why. */
type Stop = (why: string) => void;

function spawnChild(argv: readonly string[], { descriptors = [], env }: ExecOptions): ChildProcessWithoutNullStreams {
  const [file, ...args] = [...WITH_CALLER, ...argv];
  const stdio = ["pipe", "pipe", "pipe", ...descriptors] as const;
  return spawn(file ?? "", args, {
    stdio: [...stdio],
    detached: true,
    env: childEnv(env),
  }) as ChildProcessWithoutNullStreams;
}

/** Collects what a child prints, and stops it where that is too much. */
function collectOutput(child: ChildProcessWithoutNullStreams, stop: Stop): { stdout(): string; stderr(): string } {
  let size = 0;
  const collect = (stream: NodeJS.ReadableStream): (() => string) => {
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > OUTPUT_LIMIT) stop(`it printed more than ${OUTPUT_LIMIT} bytes`);
      else chunks.push(chunk);
    });
    return () => Buffer.concat(chunks).toString("utf8");
  };
  return { stdout: collect(child.stdout), stderr: collect(child.stderr) };
}

/** Stops a child at its deadline, and where its caller gives up. Returns what ends the watch. */
function watch({ deadline = DEFAULT_DEADLINE, signal }: ExecOptions, stop: Stop): () => void {
  const milliseconds = scaledTimeout(deadline);
  const timer = setTimeout(() => stop(`it did not finish within ${milliseconds} ms`), milliseconds);
  const giveUp = (): void => stop("it was canceled");
  signal?.addEventListener("abort", giveUp, { once: true });
  if (signal?.aborted === true) giveUp();
  return () => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", giveUp);
  };
}

/**
 * Runs a command without a shell, in a process group of its own, which is killed whole at the deadline.
 *
 * @throws CommandError where it does not start, ends with an error, or is not done in time
 */
export const exec: Exec = (argv, options = {}) =>
  new Promise((resolve, reject) => {
    const child = spawnChild(argv, options);
    let failure: string | undefined;
    const stop: Stop = (why) => {
      failure ??= why;
      if (child.pid !== undefined) killGroup(child.pid);
    };
    const unwatch = watch(options, stop);
    const output = collectOutput(child, stop);
    // A child may end without reading what it was given.
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.stdin ?? "");
    child.on("error", (error) => {
      unwatch();
      reject(new CommandError(argv, `cannot be started: ${error.message}`, ""));
    });
    child.on("close", (code, signal) => {
      unwatch();
      if (failure === undefined && code === 0) return resolve(output.stdout());
      const reason = failure ?? (signal === null ? `exit code ${code}` : `ended by ${signal}`);
      reject(new CommandError(argv, reason, output.stderr(), code ?? undefined));
    });
  });

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It ended meanwhile.
  }
}

/** The same, with every child born in a network namespace: `path` is `/run/netns/NAME` or `/proc/PID/ns/net`. */
export const inNetns =
  (path: string, runner: Exec = exec): Exec =>
  (argv, options) =>
    runner(["nsenter", `--net=${path}`, "--", ...argv], options);
