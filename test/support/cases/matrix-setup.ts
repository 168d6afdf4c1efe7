import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { formatMatrix } from "./matrix-table.ts";

/** Collects what a tier's guests proved, and prints it when the tier is over. */
export default function collectMatrix(project: TestProject): () => void {
  const directory = mkdtempSync(join(tmpdir(), "netbind-matrix-"));
  const file = join(directory, "proved");
  writeFileSync(file, "");
  project.provide("matrixFile", file);
  return () => {
    const lines = readFileSync(file, "utf8").trim().split("\n");
    rmSync(directory, { recursive: true });
    process.stdout.write(`\nbindings with real guests: what was proved in this run\n\n${formatMatrix(lines)}\n\n`);
  };
}
