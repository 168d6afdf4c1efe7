/** What holds the namespaces of a control plane or a node, and all that runs in them. */
import { readFileSync } from "node:fs";
import { endProcesses, identify, isAlive, type ProcessId, waitUntil } from "@netbind/netns";

/** A program, behind this, is the first process of namespaces of its own. */
export const OWN_NAMESPACES = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"];

/** With the first process of a PID namespace end all others; then the namespaces and all mounts are gone too. */
export interface Holder {
  readonly first: ProcessId;
  /** Waits for the first, which the kernel hands over when all others have ended. */
  readonly waiter: ProcessId;
}

const END_WITHIN = 30_000;

/** What `unshare`, started as a process with {@link OWN_NAMESPACES}, made. @throws Error where that ended already */
export function holderOf(pid: number): Holder {
  const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
  const [first, waiter] = [Number(child), pid].map(identify);
  if (first === undefined || waiter === undefined) throw new Error("the first process of the namespaces has ended");
  return { first, waiter };
}

/** Ends everything that is held. @throws Error where a process does not end */
export async function endHolders(holders: readonly Holder[]): Promise<void> {
  await endProcesses(
    holders.map(({ first }) => first),
    0,
  );
  const left = (): readonly Holder[] => holders.filter(({ waiter }) => isAlive(waiter));
  if (!(await waitUntil(() => left().length === 0, END_WITHIN)))
    throw new Error(`these processes of the cluster do not end: ${left().map(({ first }) => first.pid)}`);
}
