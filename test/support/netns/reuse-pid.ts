/**
 * Runs as the first process of a PID namespace: holds a process, ends it, has its number given to another one, and signals
 * what it held. Prints whether the number was the same, and whether the other one lives on.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { endProcesses, HeldProcess, isAlive, signalHeld } from "@netbind/netns";

async function sleeper(): Promise<ChildProcess> {
  const child = spawn("sleep", ["600"]);
  await once(child, "spawn");
  return child;
}

/** Starts processes until one has a number. A thread takes a number too, so that the first is not always it. */
async function sleeperWith(pid: number): Promise<ChildProcess> {
  for (let tries = 0; tries < 50; tries++) {
    writeFileSync("/proc/sys/kernel/ns_last_pid", String(pid - 1));
    const child = await sleeper();
    if (child.pid === pid) return child;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  throw new Error(`no process got the number ${pid}`);
}

const first = await sleeper();
const pid = first.pid ?? 0;
using held = HeldProcess.open(pid);
if (held === undefined) throw new Error("the process could not be held");
first.kill("SIGKILL");
await once(first, "exit");
// The kernel counts starts by a hundredth of a second: no number comes back so soon, and here it would.
await new Promise((resolve) => setTimeout(resolve, 50));
const second = await sleeperWith(pid);
const found = {
  alive: held.isAlive,
  uid: held.uid,
  namespace: held.namespace("net"),
  runs: held.runs("/usr/bin/sleep"),
};
await signalHeld([held], "SIGKILL");
// An older record of the number, and what is recorded of a process that started at another time.
const left = await endProcesses([held.id, { pid, startTime: held.id.startTime - 1 }]);
await new Promise((resolve) => setTimeout(resolve, 200));
using other = HeldProcess.open(pid);
process.stdout.write(JSON.stringify({ found, left, otherLives: other !== undefined && isAlive(other.id) }));
second.kill("SIGKILL");
