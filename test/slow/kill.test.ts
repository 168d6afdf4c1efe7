import { expect, test } from "vitest";
import { KillLab, SCENARIOS } from "../support/kill-lab.ts";

test.each(SCENARIOS)("$name killed at every point: a healthy VM or nothing at all", { timeout: 1_800_000 }, async (scenario) => {
  await using lab = await KillLab.make();
  const points = await lab.trace(scenario);
  console.log(`${scenario.name}: ${points.length} points`);
  if (scenario.name === "run") expect(points.length).toBeGreaterThanOrEqual(25);
  for (const at of points.keys()) console.log(`  killed at ${await lab.kill(scenario, at + 1)}: 0 leftovers`);
});
