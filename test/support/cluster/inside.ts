/** Processes that reach a cluster's API server, and are reached by it, over its own loopback. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { waitUntil } from "@netbind/netns";
import type { ClusterDirectory } from "./cluster-directory.ts";
import { processorTime } from "./counted-server.ts";

/** Milliseconds of a processor in a second: less is nothing to speak of. */
const IDLE = 50;

/** A process in the network namespace of a cluster's API server. */
export class Inside implements AsyncDisposable {
  readonly child: ChildProcess;
  log = "";

  constructor(directory: ClusterDirectory, ...args: readonly string[]) {
    const pid = directory.running()?.controlPlane.first.pid;
    const program = ["--conditions=@netbind/source", ...args];
    this.child = spawn("nsenter", [`--net=/proc/${pid}/ns/net`, process.execPath, ...program], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.child.stderr?.on("data", (chunk: Buffer) => (this.log += chunk.toString()));
  }

  /** @throws Error with its log where it does not say so in half a minute */
  async says(words: string): Promise<void> {
    if (!(await waitUntil(() => this.log.includes(words), 30_000)))
      throw new Error(`it does not say ${words}: ${this.log}`);
  }

  /** Waits until it does nothing of its own any more: it has listed the cluster. */
  async isIdle(): Promise<void> {
    for (let last = Number.NEGATIVE_INFINITY, spent = 0; spent - last > IDLE; ) {
      await sleep(1000);
      [last, spent] = [spent, this.processorMs];
    }
  }

  get processorMs(): number {
    return processorTime(this.child.pid ?? 0);
  }

  /** nsenter becomes the program that it runs. */
  get pssMb(): number {
    const rollup = readFileSync(`/proc/${this.child.pid}/smaps_rollup`, "utf8");
    return Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1]) / 1024;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, "exit");
    this.child.kill("SIGTERM");
    await ended;
  }
}
