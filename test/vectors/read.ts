import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Vector } from "./vector.ts";

/** The kind of a line that is not a vector: no comparison is made of it, so that it fails. */
const UNREADABLE = "unreadable";

/** Reads every `.jsonl` file of a folder: a vector a line (vectors.md). A line that is none is read as one that fails. */
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
  } catch {
    return { id: where, kind: UNREADABLE, input: {}, result: {} };
  }
  const { id, kind, input, result } = value ?? {};
  const isVector = typeof id === "string" && typeof kind === "string" && isObject(input) && isObject(result);
  return isVector ? { id, kind, input, result } : { id: where, kind: UNREADABLE, input: {}, result: {} };
}

const isObject = (value: unknown): boolean => typeof value === "object" && value !== null;
