/** Measures Netbind against something in the same run. Usage: npm run bench -- [NAME...] */
import { benchGuest } from "./guest.ts";
import { benchNetwork } from "./network.ts";
import { benchPlan } from "./plan.ts";
import { type Comparison, showComparison, TABLE_HEAD } from "./report.ts";
import { benchSidecar } from "./sidecar.ts";

const BENCHES: Readonly<Record<string, () => Promise<readonly Comparison[]>>> = {
  network: benchNetwork,
  guest: benchGuest,
  sidecar: benchSidecar,
  plan: benchPlan,
};

const asked = process.argv.slice(2);
const names = asked.length > 0 ? asked : Object.keys(BENCHES);
const unknown = names.filter((name) => !Object.hasOwn(BENCHES, name));
if (unknown.length > 0) {
  process.stderr.write(`no bench named ${unknown.join(", ")}; there are: ${Object.keys(BENCHES).join(", ")}\n`);
  process.exit(2);
}
process.stdout.write(`${TABLE_HEAD}\n`);
for (const name of names) for (const row of (await BENCHES[name]?.()) ?? []) process.stdout.write(`${showComparison(row)}\n`);
