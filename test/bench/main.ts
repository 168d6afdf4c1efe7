/** Measures Netbind against something in the same run. Usage: npm run bench -- [--keep] [NAME...]; --keep writes their sections of RESULTS.md */
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { parseArgs } from "node:util";
import { benchAgent } from "./agent.ts";
import { benchCluster } from "./cluster.ts";
import { benchDataPath } from "./data-path.ts";
import { benchGuest } from "./guest.ts";
import { benchImage } from "./image.ts";
import { benchLimits } from "./limits.ts";
import { benchNetwork } from "./network.ts";
import { benchNode } from "./node.ts";
import { benchPlan } from "./plan.ts";
import { benchPods } from "./pods.ts";
import { keepFigures } from "./results.ts";
import { type Comparison, formatComparison, TABLE_HEAD } from "./report.ts";
import { benchSidecar } from "./sidecar.ts";
import { benchValidate } from "./validate.ts";
import { benchWebhooks } from "./webhooks.ts";

const BENCHES: Readonly<Record<string, () => Promise<readonly Comparison[]>>> = {
  network: benchNetwork,
  pods: benchPods,
  guest: benchGuest,
  "data-path": benchDataPath,
  sidecar: benchSidecar,
  image: benchImage,
  limits: benchLimits,
  plan: benchPlan,
  validate: benchValidate,
  agent: benchAgent,
  node: benchNode,
  cluster: benchCluster,
  webhooks: benchWebhooks,
};

const RESULTS = new URL("RESULTS.md", import.meta.url);
const { values, positionals } = parseArgs({
  options: { keep: { type: "boolean", default: false } },
  allowPositionals: true,
});
const names = positionals.length > 0 ? positionals : Object.keys(BENCHES);
const unknown = names.filter((name) => !Object.hasOwn(BENCHES, name));
if (unknown.length > 0) {
  process.stderr.write(`no bench named ${unknown.join(", ")}; there are: ${Object.keys(BENCHES).join(", ")}\n`);
  process.exit(2);
}
const say = (line: string): string => {
  process.stdout.write(`${line}\n`);
  return line;
};
const head = say(TABLE_HEAD);
for (const bench of names) {
  const rows = (await BENCHES[bench]?.()) ?? [];
  const lines = [head, ...rows.map((row) => say(formatComparison(row)))];
  if (!values.keep) continue;
  const machine = `${cpus().length} processors, kernel ${release().split("-")[0]}, Node ${process.versions.node}`;
  const measured = `${new Date().toISOString().slice(0, 10)}: ${machine}.`;
  writeFileSync(RESULTS, keepFigures(readFileSync(RESULTS, "utf8"), { bench, measured, lines }, Object.keys(BENCHES)));
}
