import { expect, test } from "vitest";
import { containerDiskVms, forgetImage } from "../support/kill/container-disk.ts";
import {
  atEach,
  interruptAtEach,
  kill,
  killMigration,
  RUN,
  type Scenario,
  SCENARIOS,
  trace,
  traceMigration,
} from "../support/kill/kill.ts";
import { KillLab } from "../support/kill/kill-lab.ts";
import { manyNetworks, masqueradeVm, movableVm, slirpVm } from "../support/netns/many-networks.ts";

const LONG = { timeout: 1_800_000 } as const;
/** Every binding of one machine but sriov, which the nested machine has; the fewest points that a start passes. */
const VMS = [
  { of: "masquerade", vmi: masqueradeVm, least: 25 },
  { of: "slirp", vmi: slirpVm, least: 25 },
  { of: "passt, bridge, macvtap, tap and managedTap", vmi: manyNetworks, least: 50 },
] as const;
const KILLS = VMS.flatMap((vm) => SCENARIOS.map((scenario) => ({ ...vm, name: scenario.name, scenario })));

const seconds = (since: number): string => `${Math.round((performance.now() - since) / 1000)} s`;

test.each(KILLS)(
  "$name of $of, killed at every point: a healthy VM or nothing at all",
  LONG,
  async ({ name, of, vmi, least, scenario }) => {
    const start = performance.now();
    await using lab = await KillLab.make(vmi);
    const points = await trace(lab, scenario);
    if (name === "run") expect(points.length).toBeGreaterThanOrEqual(least);
    await atEach(lab, points.length, (at) => kill(lab, scenario, at));
    console.log(`${name} of ${of}: ${points.length} points in ${seconds(start)}`);
  },
);

test.each(VMS)(
  "run of $of, interrupted at every point: nothing is left, and the next start is whole",
  LONG,
  async ({ of, vmi, least }) => {
    const start = performance.now();
    await using lab = await KillLab.make(vmi);
    const points = await trace(lab, RUN);
    expect(points.length).toBeGreaterThanOrEqual(least);
    await interruptAtEach(lab, RUN, points.length);
    console.log(`run of ${of}, interrupted: ${points.length} points in ${seconds(start)}`);
  },
);

test("run of a container disk that is copied first, killed and interrupted at every point", LONG, async () => {
  const start = performance.now();
  await using lab = await KillLab.make(await containerDiskVms());
  const run: Scenario = { ...RUN, prepare: (of) => Promise.resolve(forgetImage(of)) };
  const points = await trace(lab, run);
  // The image's manifest and its blobs are asked for, its disk is looked at, and the VM's own layer is made.
  expect(points.filter((point) => /started prlimit --fsize=.* bwrap/.test(point)).length).toBeGreaterThanOrEqual(4);
  await atEach(lab, points.length, (at) => kill(lab, run, at));
  await interruptAtEach(lab, run, points.length);
  forgetImage(lab);
  console.log(`run of a container disk: ${points.length} points in ${seconds(start)}`);
});

test("migrate killed at every point: one healthy VM, in one pod", LONG, async () => {
  const start = performance.now();
  await using lab = await KillLab.make(movableVm);
  await lab.start();
  const points = await traceMigration(lab);
  expect(points.length).toBeGreaterThanOrEqual(40);
  await atEach(lab, points.length, async (at) => {
    if (lab.state.vmIds().length === 0) await lab.start();
    return killMigration(lab, at, at % 2 === 0 ? "apply" : "gc");
  });
  console.log(`migrate: ${points.length} points in ${seconds(start)}`);
});
