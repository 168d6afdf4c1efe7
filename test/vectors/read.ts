import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Vector } from "./vector.ts";

/** Reads every `.jsonl` file of a folder: a vector a line (vectors.md). @throws Error where a line is none */
export const readVectors = (folder: string): readonly Vector[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".jsonl"))
    .sort()
    .flatMap((name) =>
      readFileSync(join(folder, name), "utf8")
        .split("\n")
        .flatMap((line, at) => (line.trim() === "" ? [] : [parse(line, `${name}:${at + 1}`)])),
    );

function parse(line: string, where: string): Vector {
  let value: Partial<Vector> | null;
  try {
    value = JSON.parse(line) as Partial<Vector> | null;
  } catch (error) {
    throw new Error(`${where} is no JSON`, { cause: error });
  }
  if (typeof value?.id !== "string" || typeof value.kind !== "string" || value.input === undefined || value.result === undefined)
    throw new Error(`${where} is no vector: it needs id, kind, input and result`);
  return value as Vector;
}
