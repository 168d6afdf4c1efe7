import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { ApiMoment } from "../../support/cluster/api-history.ts";
import { END, MIGRATION, migrationMilestonesOf, milestonesOf, START } from "../../support/cluster/milestones.ts";

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
function momentsOf(folder: string, scenario: string): readonly ApiMoment[] {
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

/** What a scenario begins with is known. */
function milestonesIn(folder: string, scenario: string, read = milestonesOf): readonly string[] {
  const moments = momentsOf(folder, scenario);
  const listed = read(moments.filter(({ type }) => String(type) === "LISTED")).length;
  return read(moments).slice(listed);
}

const folder = process.env["NETBIND_TRACES"];

const absent = folder === undefined || folder === "";
if (absent) console.log("skipped: NETBIND_TRACES names no folder with traces of KubeVirt's own");

describe.skipIf(absent)("what the stand-ins are to write is what KubeVirt's own controllers wrote", () => {
  // The third of them listed the pod with its node at once, as also happens.
  test.each(["masquerade", "passt"])("until a guest with %s runs", (binding) => {
    expect(milestonesIn(folder ?? "", `start-${binding}`)).toEqual(START);
  });

  test.each(["masquerade", "passt", "core-masquerade"])("until a VM with %s is gone", (binding) => {
    expect(milestonesIn(folder ?? "", `delete-${binding}`)).toEqual(END);
  });

  // Two controllers write the last of them, and either may come first.
  const plain = (lines: readonly string[]): readonly string[] =>
    lines.filter((line) => !line.endsWith("label its node"));
  test.each(["masquerade", "passt"])("until a guest with %s has moved", (binding) => {
    const lines = milestonesIn(folder ?? "", `migrate-${binding}`, migrationMilestonesOf);
    expect(lines.toSorted()).toEqual(MIGRATION.toSorted());
    expect(plain(lines)).toEqual(plain(MIGRATION));
  });
});
