import { describe, expect, test } from "vitest";
import { END, MIGRATION, migrationMilestonesOf, milestonesOf, START } from "../../support/cluster/milestones.ts";
import { momentsOf } from "../../support/cluster/traces.ts";

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
