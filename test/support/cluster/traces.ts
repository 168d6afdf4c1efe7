/** Traces of KubeVirt's own controllers: what an API server showed of a scenario. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ApiMoment } from "./api-history.ts";

type Json = Readonly<Record<string, unknown>>;
/** A line of a trace: a write that the API server showed. */
interface Line {
  readonly kind: string;
  readonly type: ApiMoment["type"] | "LISTED";
  readonly name: string;
  readonly object?: Json;
  readonly patch?: Json;
}

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** RFC 7386. */
function merged(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const from = isObject(target) ? target : {};
  const changed = Object.entries(patch).map(([key, value]) => [key, merged(from[key], value)] as const);
  const whole = Object.fromEntries([...Object.entries(from), ...changed]);
  return Object.fromEntries(Object.entries(whole).filter(([, value]) => value !== null));
}

/** The writes of a scenario, each with its whole object; what was there before it is not one of them. */
export function momentsOf(folder: string, scenario: string): readonly ApiMoment[] {
  const lines = readFileSync(join(folder, `${scenario}.watch.jsonl`), "utf8")
    .trim()
    .split("\n");
  const objects = new Map<string, unknown>();
  return lines
    .map((line) => JSON.parse(line) as Line)
    .map((line) => {
      const key = `${line.kind} ${line.name}`;
      const object = line.object ?? merged(objects.get(key), line.patch ?? {});
      objects.set(key, object);
      return { type: line.type as ApiMoment["type"], kind: line.kind, object: object as Json };
    });
}
