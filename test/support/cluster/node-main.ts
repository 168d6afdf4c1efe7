/**
 * Runs a node, inside its namespaces: `node node-main.ts PLAN`, started by node.ts behind `node-init`. When it ends, the
 * node's first process does, and with that all of the node.
 */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { NodePlan } from "./node-plan.ts";
import { ProgramSet } from "./program-set.ts";

const READY_WITHIN = 60_000;

const plan = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as NodePlan;
// The shims are looked for where programs are.
process.env["PATH"] = `${plan.containerd}:${process.env["PATH"] ?? ""}`;
const fail = (what: string): never => {
  console.error(what);
  if (process.connected) process.send?.({ failed: what });
  process.exit(1);
};
const programs = new ProgramSet(plan.commands, plan.logs, fail);
const ctr = (...args: readonly string[]): string =>
  execFileSync("ctr", ["--address", plan.socket, "--namespace", "k8s.io", ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });

async function startContainerd(): Promise<void> {
  programs.start("containerd");
  const until = Date.now() + READY_WITHIN;
  for (;;) {
    try {
      return void ctr("version");
    } catch (error) {
      if (Date.now() > until) throw error;
      await sleep(50);
    }
  }
}

/** With its starter, before that has recorded it, it ends too. */
const orphaned = (): void => process.exit(1);
try {
  process.once("disconnect", orphaned);
  process.send?.("here");
  await once(process, "message");
  process.off("disconnect", orphaned);
  await startContainerd();
  for (const image of plan.images) ctr("images", "import", "--digests=true", image);
  for (const name of programs.names) programs.start(name);
  process.send?.("started", undefined, undefined, () => process.disconnect());
} catch (error) {
  fail((error as Error).message);
}
