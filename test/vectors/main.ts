/** `npm run vectors -- DIR`: compares the engine's answers with KubeVirt's own, from a folder of vectors (vectors.md). */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { COMPARISONS } from "./comparisons.ts";
import { report } from "./report.ts";
import type { Vector } from "./vector.ts";

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error("usage: npm run vectors -- DIR");
  process.exit(2);
}

const vectors = readdirSync(folder)
  .filter((name) => name.endsWith(".jsonl"))
  .sort()
  .flatMap((name) =>
    readFileSync(join(folder, name), "utf8")
      .split("\n")
      .filter((line) => line.trim() !== "")
      .map((line) => JSON.parse(line) as Vector),
  );
process.exit(report(vectors, COMPARISONS));
