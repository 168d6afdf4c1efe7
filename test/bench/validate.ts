/** `netbind validate` of many VMs in one call, against reading the same YAML and nothing else. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { demoVmi } from "../demo/vmi.ts";
import { BUILT } from "../support/guest/netbind.ts";
import { type Comparison, median, timed } from "./report.ts";

const VMS = 1000;
const READ = `
const { loadAll } = require("js-yaml");
if (loadAll(require("node:fs").readFileSync(process.argv[1], "utf8")).length !== ${VMS}) process.exit(1);
`;

export async function benchValidate(runs = 15): Promise<readonly Comparison[]> {
  const directory = mkdtempSync(join(tmpdir(), "netbind-bench-"));
  const file = join(directory, "vms.yaml");
  writeFileSync(
    file,
    Array.from({ length: VMS }, (_, at) => demoVmi({ name: `vm${at}`, port: 80, nonce: "x" })).join("---\n"),
  );
  const cli = new URL("../../core/cli", import.meta.url);
  const run = (args: readonly string[]): Promise<number> =>
    timed(async () => execFileSync(process.execPath, args, { cwd: cli, maxBuffer: 2 ** 30 }));
  const ours: number[] = [];
  const read: number[] = [];
  for (let at = 0; at < runs; at++) {
    ours.push(await run([...BUILT, "validate", "-f", file]));
    read.push(await run(["-e", READ, file]));
  }
  rmSync(directory, { recursive: true });
  const rate = Math.round(VMS / (median(ours) / 1000));
  return [
    {
      what: `netbind validate of ${VMS} VMs in one call (${rate} VMs a second)`,
      unit: "ms",
      ours,
      theirs: read,
      against: "reading the same YAML alone",
      goal: { ratio: 2, better: "smaller" },
      most: 1000,
    },
  ];
}
