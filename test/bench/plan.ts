/** `netbind plan` of one VM: a process from nothing, and one VM more in a process that runs. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { demoVmi } from "../demo/vmi.ts";
import { BUILT } from "../support/guest/netbind.ts";
import { type Comparison, timed } from "./report.ts";

const MANY = 200;

export async function benchPlan(runs = 15): Promise<readonly Comparison[]> {
  const directory = mkdtempSync(join(tmpdir(), "netbind-bench-"));
  const one = join(directory, "one.yaml");
  const many = join(directory, "many.yaml");
  writeFileSync(one, demoVmi({ name: "vm", port: 80, nonce: "x" }));
  writeFileSync(
    many,
    Array.from({ length: MANY }, (_, at) => demoVmi({ name: `vm${at}`, port: 80, nonce: "x" })).join("---\n"),
  );
  const netbind = (file: string): Promise<number> =>
    timed(async () =>
      execFileSync(process.execPath, [...BUILT, "plan", "-f", file, "-o", "json"], { maxBuffer: 2 ** 30 }),
    );
  const cold: number[] = [];
  const warm: number[] = [];
  const bare: number[] = [];
  for (let at = 0; at < runs; at++) {
    cold.push(await netbind(one));
    bare.push(await timed(async () => execFileSync(process.execPath, ["-e", "0"])));
    warm.push(((await netbind(many)) - (cold.at(-1) ?? 0)) / (MANY - 1));
  }
  rmSync(directory, { recursive: true });
  return [
    {
      what: "netbind plan of one VM, a process from nothing",
      unit: "ms",
      ours: cold,
      theirs: bare,
      against: "a runtime that does nothing",
      most: 500,
    },
    {
      what: "netbind plan, one VM more in the same call",
      unit: "ms",
      ours: warm,
      theirs: cold,
      against: "the first one, with its process",
    },
  ];
}
