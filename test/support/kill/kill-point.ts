/**
 * Loaded into a netbind before its own code: counts the points at which it could be killed (after each write of a journal
 * or a seal, after each file that is removed with a journal, after each start and each end of a child process), writes them to NETBIND_POINTS, and sends it NETBIND_KILL_SIGNAL
 * (SIGKILL) at the NETBIND_KILL_AT-th. With NETBIND_KILL_HOLDS a child that is started there is stopped first.
 */
import childProcess from "node:child_process";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";

const file = process.env["NETBIND_POINTS"] ?? "/dev/null";
const killAt = Number(process.env["NETBIND_KILL_AT"] ?? 0);
const holds = process.env["NETBIND_KILL_HOLDS"] !== undefined;
const signal = process.env["NETBIND_KILL_SIGNAL"] ?? "SIGKILL";
const { appendFileSync, readdirSync, renameSync, rmSync } = fs;
const { spawn, fork } = childProcess;
let count = 0;

function point(kind: string, what: string): void {
  count += 1;
  appendFileSync(file, `${count} ${kind} ${what}\n`);
  if (count === killAt) process.kill(process.pid, signal);
}

/** True for a word that makes a command another user's. */
const isOfUser = (word: string): boolean => /^--(reuid|regid|clear-groups|no-new-privs|(inh|bounding)-.*)/.test(word);

/** What a command does, without the ways into namespaces before it and the paths behind it. */
function label(argv: readonly string[]): string {
  const words = argv
    .map((word) => word.split("\n")[0] ?? "")
    .filter((word) => word !== "" && !word.startsWith("--net="));
  const virsh = words.lastIndexOf("virsh");
  // What it is asked stands behind how its libvirt is reached: -q -c URI.
  if (virsh !== -1) return `virsh ${words[virsh + 4]}`;
  if (words.some((word) => /^\/netbind\/console\.m[tj]s$/.test(word))) return "console reader";
  const skip = new Set(["nsenter", "setpriv", "--pdeathsig", "KILL", "--", "unshare", "--mount"]);
  return words
    .filter((word, at) => !skip.has(word) && !isOfUser(word) && !["--reuid", "--regid"].includes(words[at - 1] ?? ""))
    .map((word) => word.split("/").at(-1) ?? word)
    .slice(0, 5)
    .join(" ")
    .slice(0, 60);
}

fs.renameSync = (from, to) => {
  renameSync(from, to);
  if (String(to).endsWith("/record.json")) point("journal", "written");
  if (String(to).endsWith("/attach.seal")) point("seal", "written");
};
// Node removes a tree in one call: one with a journal goes file by file, in the order in which the kernel lists them.
fs.rmSync = (path, options) => {
  const names = options?.recursive === true ? readdirSync(path) : [];
  const journaled = names.includes("record.json") ? names : [];
  for (const name of journaled) {
    rmSync(join(String(path), name), options);
    point("removed", name);
  }
  rmSync(path, options);
  if (journaled.length > 0) point("removed", "directory");
};
// The patched functions stand for the real ones in every form of a call.
childProcess.spawn = ((command: string, args: readonly string[] = [], ...rest: never[]) => {
  const child = (spawn as (...all: unknown[]) => ReturnType<typeof spawn>)(command, args, ...rest);
  const what = label([command, ...args]);
  child.prependListener("exit", () => point("ended", what));
  // On a busy machine a child waits for a processor, maybe longer than its parent lives.
  if (holds && count + 1 === killAt) child.kill("SIGSTOP");
  point("started", what);
  return child;
}) as typeof spawn;
childProcess.fork = ((module: string, ...rest: never[]) => {
  const child = (fork as (...all: unknown[]) => ReturnType<typeof fork>)(module, ...rest);
  point("started", label([module]));
  return child;
}) as typeof fork;
syncBuiltinESMExports();
