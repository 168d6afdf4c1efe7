import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { bornIn } from "./control-group.ts";
import { scaledTimeout } from "../exec/scaled-timeout.ts";
import { giveFilter } from "./give-filter.ts";
import { HeldProcess, identify } from "../exec/held-process.ts";
import type { ProcessId } from "../exec/process-directory.ts";
import { type Sandbox, sandboxCommand } from "./sandbox.ts";
import { findSandboxWay } from "./sandbox-way.ts";

const INFO_DEADLINE = 20_000;

/** Where a sandboxed process starts and where what it prints is kept. */
export interface StartOptions {
  /** Path of the network namespace that it is born in. */
  readonly netns: string;
  /** Path of the mount namespace that its sandbox is made in; absent: the caller's. It then sees files of the machine's root alone. */
  readonly mounts?: string;
  readonly logFile: string;
  readonly stdin?: string;
  /** Descriptors that the process gets too: the first as 5, the next as 6, and so on. */
  readonly inherited?: readonly number[];
  /** The control group that it is born in; absent: the caller's. */
  readonly cgroup?: string;
}

/** A sandbox that was started. */
export interface StartedSandbox {
  /** The process outside, and the first of the sandbox's PID namespace, with which all of it ends. */
  readonly processes: readonly ProcessId[];
  /** The latter; undefined where the sandbox could not be made. */
  readonly inner: ProcessId | undefined;
}

/** Starts a sandboxed process. It outlives the caller. @throws SandboxError where this machine lets no sandbox be made */
export async function startSandboxed(sandbox: Sandbox, options: StartOptions): Promise<StartedSandbox> {
  const { way } = await findSandboxWay();
  const child = spawnSandbox(sandboxCommand(sandbox, way), options);
  const started = await identifySandbox(child, child.stdio[3]);
  child.unref();
  for (const stream of child.stdio.slice(0, 5)) stream?.destroy();
  return started;
}

/**
 * Identifies a sandbox by the child that is bubblewrap, and what that says of its own child: its parent is looked at once
 * it is held, so that no process that has the number by then is taken for it.
 */
export async function identifySandbox(
  child: ChildProcess,
  info: ChildProcess["stdio"][number] | undefined,
): Promise<StartedSandbox> {
  const pid = await readInnerPid(info);
  using held = pid === undefined ? undefined : HeldProcess.open(pid);
  const inner = held !== undefined && held.parent === child.pid ? held.id : undefined;
  const outer = child.pid === undefined ? undefined : identify(child.pid);
  return { processes: [outer, inner].filter((one) => one !== undefined), inner };
}

function spawnSandbox(
  command: readonly string[],
  { netns, mounts, logFile, stdin, inherited = [], cgroup }: StartOptions,
): ChildProcess {
  const log = openSync(logFile, "a", 0o600);
  try {
    const namespaces = [`--net=${netns}`, ...(mounts === undefined ? [] : [`--mount=${mounts}`])];
    const [file, ...args] = [...bornIn(cgroup), "nsenter", ...namespaces, "--", ...command];
    const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8" };
    const child = spawn(file ?? "", args, {
      detached: true,
      stdio: ["pipe", log, log, "pipe", "pipe", ...inherited],
      env,
    });
    child.on("error", () => undefined);
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(stdin ?? "");
    if (child.pid !== undefined) giveFilter(child);
    return child;
  } finally {
    closeSync(log);
  }
}

/** The number of the first process of the sandbox's PID namespace, as bubblewrap reports it. */
function readInnerPid(info: ChildProcess["stdio"][number] | undefined): Promise<number | undefined> {
  if (info === null || info === undefined || !("on" in info)) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    let text = "";
    const finish = (): void => {
      clearTimeout(timer);
      const pid = /"child-pid":\s*(\d+)/.exec(text)?.[1];
      resolve(pid === undefined ? undefined : Number(pid));
    };
    const timer = setTimeout(finish, scaledTimeout(INFO_DEADLINE));
    info.on("data", (chunk: Buffer) => {
      text += chunk.toString("utf8");
      if (text.includes("}")) finish();
    });
    info.on("close", finish);
  });
}
