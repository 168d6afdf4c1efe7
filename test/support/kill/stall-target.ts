/**
 * Loaded into a netbind before its own code: stops the libvirt in the network namespace NETBIND_STALL before another one is
 * asked to migrate a guest there. Its socket takes the connection, and nothing comes of it until somebody has it go on.
 */
import childProcess from "node:child_process";
import { readFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const { spawn, execFileSync } = childProcess;

function stall(netns: string): void {
  const pids = execFileSync("ip", ["netns", "pids", netns], { encoding: "utf8" }).trim().split("\n");
  for (const pid of pids)
    if (readFileSync(`/proc/${pid}/comm`, "utf8") === "libvirtd\n") process.kill(Number(pid), "SIGSTOP");
}

childProcess.spawn = ((command: string, args: readonly string[] = [], ...rest: never[]) => {
  if (args.includes("--p2p")) stall(process.env["NETBIND_STALL"] ?? "");
  return (spawn as (...all: unknown[]) => ReturnType<typeof spawn>)(command, args, ...rest);
}) as typeof spawn;
syncBuiltinESMExports();
