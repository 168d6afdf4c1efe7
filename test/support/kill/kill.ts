/** A netbind that is killed, or interrupted, at any of its points: what must hold afterwards, and that nothing is lost or left. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { domainName, findVm, listVms, netnsPath } from "@netbind/local";
import { exec, processesIn, waitUntil } from "@netbind/netns";
import { expect } from "vitest";
import { launcherOf } from "../../../core/local/src/launcher/launcher-of.ts";
import { meetingDirectory } from "../../../core/local/src/pod/writable.ts";
import { machineState } from "../guest/machine.ts";
import { type KillLab, VM } from "./kill-lab.ts";

const MIGRATE = ["migrate", VM, "--wait", "0"];
/** The exit codes of commands that a signal ended. */
const INTERRUPTED = { SIGINT: 130, SIGTERM: 143 } as const;
const HEALTHY = `default/${VM}: healthy\n`;

/** A command that is killed in the middle, and what must be there before it starts. */
export interface Scenario {
  readonly name: string;
  readonly args: readonly string[];
  readonly prepare?: (lab: KillLab) => Promise<void>;
}

/** A start, with no time for the guest's address. */
export const RUN: Scenario = { name: "run", args: ["run", "-f", "-", "--keep", "--wait", "0"] };

/** The commands that are killed at every point. */
export const SCENARIOS: readonly Scenario[] = [
  RUN,
  { name: "stop", args: ["stop", "--force", VM], prepare: (lab) => lab.start() },
  {
    name: "apply",
    args: ["apply"],
    prepare: async (lab) => {
      await lab.start();
      lab.killHelpers();
      await lab.breakNetwork();
    },
  },
  {
    name: "gc",
    args: ["gc"],
    prepare: async (lab) => {
      await lab.start();
      process.kill(lab.pidOf("qemu"), "SIGKILL");
      await waitUntil(() => !lab.runs("qemu-system"), 5000);
    },
  },
];

/** Runs a scenario to its end, and gives the points that it passed. */
export async function trace(lab: KillLab, scenario: Scenario): Promise<readonly string[]> {
  await scenario.prepare?.(lab);
  const { outcome, points } = await lab.runWithPoints(scenario.args, 0);
  expect(outcome.code, outcome.stderr).toBe(0);
  await lab.clear();
  return points;
}

/** Kills a scenario at a point, and sees that nothing is lost and nothing is left. Gives the point as it was passed. */
export async function kill(lab: KillLab, scenario: Scenario, at: number): Promise<string> {
  await scenario.prepare?.(lab);
  const { outcome, points } = await lab.runWithPoints(scenario.args, at);
  expect(outcome.code, `the ${scenario.name} was not killed at ${at}: ${outcome.stderr}`).toBe(null);
  const point = points.at(-1) ?? "";
  await settle(lab, `${scenario.name} killed at ${point}`);
  return point;
}

/**
 * Interrupts a start at a point, and sees that it ends by itself and leaves nothing; or, where all was done before the signal
 * came, the healthy VM that it reported. Gives the point.
 */
export async function interrupt(
  lab: KillLab,
  scenario: Scenario,
  at: number,
  signal: keyof typeof INTERRUPTED,
): Promise<string> {
  await scenario.prepare?.(lab);
  const { outcome, points } = await lab.runWithPoints(scenario.args, at, signal);
  const what = `${scenario.name} interrupted by ${signal} at ${points[at - 1]}`;
  expect([0, INTERRUPTED[signal]], `${what}: ${outcome.stderr}`).toContain(outcome.code);
  if (outcome.code === 0) {
    expect(outcome.stdout, what).toContain(`VM default/${VM} is running`);
    expect((await lab.run(["check"])).stdout, what).toBe(HEALTHY);
    await lab.clear();
  }
  expect(lab.state.vmIds(), what).toEqual([]);
  expect(await lab.leftovers(), what).toEqual([]);
  return what;
}

/** Does something at every point, whatever came of the one before: all that is lost is reported at once. */
export async function atEach(lab: KillLab, count: number, act: (at: number) => Promise<string>): Promise<void> {
  const lost: string[] = [];
  for (let at = 1; at <= count; at++) {
    try {
      console.log(`  ${await act(at)}: nothing lost`);
    } catch (error) {
      lost.push(`${at}: ${String(error)}`);
      console.log(`  ${at}: ${String(error)}`);
      await lab.clear();
    }
  }
  expect(lost).toEqual([]);
}

/** Interrupts a start at every point, by Ctrl-C and by SIGTERM in turn; the start after that is whole. */
export async function interruptAtEach(lab: KillLab, scenario: Scenario, count: number): Promise<void> {
  await atEach(lab, count, (at) => interrupt(lab, scenario, at, at % 2 === 0 ? "SIGINT" : "SIGTERM"));
  await scenario.prepare?.(lab);
  const { outcome } = await lab.runWithPoints(scenario.args, 0);
  expect(outcome.code, outcome.stderr).toBe(0);
  expect((await lab.run(["check"])).stdout).toBe(HEALTHY);
  await lab.clear();
}

/** Migrates the VM to the end, and gives the points that it passed. The VM must be there. */
export async function traceMigration(lab: KillLab): Promise<readonly string[]> {
  const { outcome, points } = await lab.runWithPoints(MIGRATE, 0);
  expect(outcome.code, outcome.stderr).toBe(0);
  return points;
}

/** Kills a migration at a point, and sees that its VM is in one pod, whole, once `end` was called. Gives the point. */
export async function killMigration(lab: KillLab, at: number, end: "apply" | "gc"): Promise<string> {
  const { outcome, points } = await lab.runWithPoints(MIGRATE, at);
  expect(outcome.code, `the migration was not killed at ${at}: ${outcome.stderr}`).toBe(null);
  const what = `migration killed at ${points.at(-1)}`;
  const ended = await lab.run([end]);
  expect(ended.code, `${what}: ${ended.stdout}${ended.stderr}`).toBe(0);
  // What gc leaves to be repaired is repaired; it never leaves more than a VM's servers and console.
  if (end === "gc") expect((await lab.run(["apply"])).code, what).toBe(0);
  expect((await lab.run(["check"])).stdout, what).toBe(HEALTHY);
  await expectOnePod(lab, what);
  return what;
}

/** The VM is in one pod, its guest runs there, and nothing else of it is on the machine. */
async function expectOnePod(lab: KillLab, what: string): Promise<void> {
  const { before, state } = lab;
  const record = findVm(state, VM);
  const running = await launcherOf(exec, record).virsh(["domstate", domainName(record.vmi)]);
  expect(running.trim(), what).toBe("running");
  const own = new Set(processesIn(netnsPath(record.netns)).map(({ pid }) => `${pid}`));
  const strange = async (): Promise<readonly string[]> => {
    const { netns, processes } = await machineState();
    return [
      ...netns.filter((one) => !before.netns.includes(one) && ![record.netns, state.nodeNetns].includes(one)),
      ...processes.filter((one) => !before.processes.includes(one) && !own.has(one.split(" ").at(-1) ?? "")),
    ];
  };
  let left: readonly string[] = [];
  await waitUntil(
    async () => {
      left = await strange();
      return left.length === 0;
    },
    10_000,
    500,
  );
  expect(left, what).toEqual([]);
  expect(state.podIds(), what).toEqual([record.id]);
  for (const name of ["locks", "writable"])
    expect(readdirSync(join(lab.directory, name)), what).toEqual([record.id.slice(0, 12)]);
  expect(readdirSync(meetingDirectory(state, record)), what).toEqual([]);
}

/** After whatever happened: check tells the truth, and apply or gc ends in a healthy VM or in nothing. */
async function settle(lab: KillLab, what: string): Promise<void> {
  // What there is now is known again once its record is gone.
  await machineState();
  const observed = lab.state.vmIds().length > 0;
  const qemuRuns = (): boolean => lab.runs("qemu-system");
  // libvirt may be in the middle of starting a guest that it was asked for: then its domain is recorded.
  const asked = listVms(lab.state).some(({ domainXml }) => domainXml !== undefined);
  if (asked) await waitUntil(() => qemuRuns() || !lab.runs("libvirtd"), 3000);
  const lives = qemuRuns();
  const checked = await lab.run(["check"]);
  if (lives) await expectRepaired(lab, what);
  else {
    // A directory without a record is nothing that was made.
    if (observed && checked.stdout !== "no VMs\n") expect(checked.stdout, what).toContain("has ended");
    const collected = await lab.run(["gc"]);
    expect(collected.code, collected.stderr).toBe(0);
  }
  expect(await lab.leftovers(), what).toEqual([]);
}

/** A VM whose guest runs is made healthy, left alone by gc, and stopped. */
async function expectRepaired(lab: KillLab, what: string): Promise<void> {
  const applied = await lab.run(["apply"]);
  expect(applied.code, `${what}: ${applied.stdout}${applied.stderr}`).toBe(0);
  expect((await lab.run(["check"])).stdout, what).toContain("healthy");
  const collected = await lab.run(["gc"]);
  expect(collected.stdout, `${what}: gc must leave a living VM alone`).toContain("nothing to remove");
  expect(lab.runs("qemu-system")).toBe(true);
  await lab.clear();
}
