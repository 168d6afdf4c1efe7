/** Measures Netbind against something in the same run. Usage: npm run bench -- [NAME...] */
import { benchNetwork } from "./network.ts";
import { type Comparison, showComparison, TABLE_HEAD } from "./report.ts";

const BENCHES: Readonly<Record<string, () => Promise<readonly Comparison[]>>> = { network: benchNetwork };

const asked = process.argv.slice(2);
const names = asked.length > 0 ? asked : Object.keys(BENCHES);
const unknown = names.filter((name) => !Object.hasOwn(BENCHES, name));
if (unknown.length > 0) {
  process.stderr.write(`no bench named ${unknown.join(", ")}; there are: ${Object.keys(BENCHES).join(", ")}\n`);
  process.exit(2);
}
process.stdout.write(`${TABLE_HEAD}\n`);
for (const name of names) for (const row of (await BENCHES[name]?.()) ?? []) process.stdout.write(`${showComparison(row)}\n`);
