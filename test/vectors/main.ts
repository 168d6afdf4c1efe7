/** `npm run vectors -- DIR`: compares the engine's answers with KubeVirt's own, from a folder of vectors (vectors.md). */
import { existsSync } from "node:fs";
import { COMPARISONS } from "./comparisons.ts";
import { readVectors } from "./read.ts";
import { isSound, formatSummary, summarize } from "./report.ts";

const [folder] = process.argv.slice(2);
if (folder === undefined || !existsSync(folder)) {
  console.error(folder === undefined ? "usage: npm run vectors -- DIR" : `there is no folder ${folder}`);
  process.exit(2);
}
const summary = summarize(readVectors(folder), COMPARISONS);
console.log(formatSummary(summary));
process.exitCode = isSound(summary) ? 0 : 1;
