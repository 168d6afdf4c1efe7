import { expect, test } from "vitest";
import { KillLab, SCENARIOS } from "../support/kill/kill-lab.ts";
import { manyNetworks, masqueradeVm, movableVm, slirpVm } from "../support/netns/many-networks.ts";

/** Every binding of one machine but sriov, which the nested machine has. */
const VMS = [
  { of: "masquerade", vmi: masqueradeVm, least: 25 },
  { of: "slirp", vmi: slirpVm, least: 25 },
  { of: "passt, bridge, macvtap, tap and managedTap", vmi: manyNetworks, least: 50 },
] as const;
const KILLS = VMS.flatMap((vm) => SCENARIOS.map((scenario) => ({ ...vm, name: scenario.name, scenario })));

/** Kills at every point, whatever came of the one before: all that is lost is told at once. */
async function killAtEach(lab: KillLab, count: number, kill: (at: number) => Promise<string>): Promise<void> {
  const lost: string[] = [];
  for (let at = 1; at <= count; at++) {
    try {
      console.log(`  ${await kill(at)}: nothing lost`);
    } catch (error) {
      lost.push(`${at}: ${String(error)}`);
      console.log(`  ${at}: ${String(error)}`);
      await lab.clear();
    }
  }
  expect(lost).toEqual([]);
}

const seconds = (since: number): string => `${Math.round((performance.now() - since) / 1000)} s`;

test.each(KILLS)(
  "$name of $of, killed at every point: a healthy VM or nothing at all",
  { timeout: 1_800_000 },
  async (kill) => {
    const start = performance.now();
    await using lab = await KillLab.make(kill.vmi);
    const points = await lab.trace(kill.scenario);
    if (kill.name === "run") expect(points.length).toBeGreaterThanOrEqual(kill.least);
    await killAtEach(lab, points.length, (at) => lab.kill(kill.scenario, at));
    console.log(`${kill.name} of ${kill.of}: ${points.length} points in ${seconds(start)}`);
  },
);

test("migrate killed at every point: one healthy VM, in one pod", { timeout: 1_800_000 }, async () => {
  const start = performance.now();
  await using lab = await KillLab.make(movableVm);
  await lab.start();
  const points = await lab.traceMigration();
  expect(points.length).toBeGreaterThanOrEqual(40);
  await killAtEach(lab, points.length, async (at) => {
    if (lab.state.vmIds().length === 0) await lab.start();
    return lab.killMigration(at, at % 2 === 0 ? "apply" : "gc");
  });
  console.log(`migrate: ${points.length} points in ${seconds(start)}`);
});
