import { expect, test } from "vitest";
import { KillLab, type Scenario, SCENARIOS } from "../support/kill-lab.ts";
import { manyNetworks } from "../support/many-networks.ts";

/** Kills a scenario at each of its points. */
async function killEverywhere(lab: KillLab, scenario: Scenario): Promise<void> {
  const points = await lab.trace(scenario);
  console.log(`${scenario.name}: ${points.length} points`);
  if (scenario.name === "run") expect(points.length).toBeGreaterThanOrEqual(25);
  for (const at of points.keys()) console.log(`  killed at ${await lab.kill(scenario, at + 1)}: 0 leftovers`);
}

test.each(SCENARIOS)("$name killed at every point: a healthy VM or nothing at all", { timeout: 1_800_000 }, async (scenario) => {
  await using lab = await KillLab.make();
  await killEverywhere(lab, scenario);
});

const OF_ANY_VM = SCENARIOS.filter(({ name }) => name !== "apply");

test.each(OF_ANY_VM)("$name of a VM with many networks, killed at every point", { timeout: 3_600_000 }, async (scenario) => {
  await using lab = await KillLab.make(manyNetworks());
  await killEverywhere(lab, scenario);
});

test("migrate killed at every point: one healthy VM, in one pod", { timeout: 3_600_000 }, async () => {
  await using lab = await KillLab.make();
  await lab.start();
  const points = await lab.traceMigration();
  console.log(`migrate: ${points.length} points`);
  expect(points.length).toBeGreaterThanOrEqual(40);
  for (const at of points.keys()) console.log(`  ${await lab.killMigration(at + 1, at % 2 === 0 ? "apply" : "gc")}: one pod`);
});
