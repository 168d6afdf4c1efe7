/** A libvirt that hangs while a VM is migrated: its socket is there, takes connections, and never answers. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { netnsPath } from "@netbind/local";
import { processesIn } from "@netbind/netns";
import { expect } from "vitest";
import type { Lab } from "../guest/lab.ts";
import { SOURCE } from "../guest/netbind.ts";

/** What migrates the VM `one`, as arguments of Node. */
export const MIGRATE: readonly string[] = [...SOURCE, "migrate", "one", "--wait", "0"];

/** A process' name; none of one that has just ended. */
export function processName(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8");
  } catch {
    return "";
  }
}

/** A process of a pod by how its name begins. */
export const processNamed = (netns: string, start: string): number | undefined =>
  processesIn(netnsPath(netns)).find(({ pid }) => processName(pid).startsWith(start))?.pid;

/** The libvirt of a pod. */
export const libvirtIn = (netns: string): number => processNamed(netns, "libvirtd") ?? expect.fail("no libvirt runs");

/** Stops a pod's libvirt. It goes on where disposed of. */
export function stallLibvirt(netns: string): Disposable {
  const pid = libvirtIn(netns);
  process.kill(pid, "SIGSTOP");
  return {
    [Symbol.dispose]: () => {
      // It may have ended with its pod.
      if (processName(pid).startsWith("libvirtd")) process.kill(pid, "SIGCONT");
    },
  };
}

/** Migrates the VM, and does something once a text was printed. */
export async function migrateUntil(
  { env }: Pick<Lab, "env">,
  text: string,
  act: (child: ChildProcess) => unknown,
): Promise<{ readonly code: unknown; readonly stderr: string }> {
  const child = spawn(process.execPath, MIGRATE, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = new Promise((resolve) => child.once("close", resolve));
  let stderr = "";
  let acted: unknown;
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk.toString("utf8");
    if (acted === undefined && stderr.includes(text)) acted = act(child) ?? true;
  });
  const code = await ended;
  await acted;
  return { code, stderr };
}
