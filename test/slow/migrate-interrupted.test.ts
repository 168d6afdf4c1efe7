/** A migration whose libvirt hangs, and one that is killed: what is left is said, and the VM ends in one healthy pod. */
import { spawn } from "node:child_process";
import { domainName, findVm } from "@netbind/local";
import { exec, scaledTimeout, waitUntil } from "@netbind/netns";
import { expect, test } from "vitest";
import { launcherOf } from "../../core/local/src/launcher/launcher-of.ts";
import { type LocalPodRecord, openRecord } from "../../core/local/src/record/local-pod-record.ts";
import { vmOfPod } from "../../core/local/src/record/state.ts";
import { demoVmi } from "../demo/vmi.ts";
import { useLab } from "../support/guest/lab.ts";
import { netbind } from "../support/guest/netbind.ts";
import { killMigration, traceMigration } from "../support/kill/kill.ts";
import { KillLab } from "../support/kill/kill-lab.ts";
import { libvirtIn, MIGRATE, migrateUntil, processNamed, stallLibvirt } from "../support/kill/stalled-libvirt.ts";

const STALL_TARGET = new URL("../support/kill/stall-target.ts", import.meta.url).href;
const LONG = { timeout: 600_000 };

const lab = useLab();
const migrate = (): ReturnType<typeof netbind> =>
  netbind(["migrate", "one", "-o", "json", "--wait", "60"], { env: lab.env });

test("a libvirt that does not answer keeps nobody waiting, and leaves the VM in one healthy pod", LONG, async () => {
  await lab.start(demoVmi({ name: "one", port: 80, nonce: "x" }), "--wait", "0");
  await lab.booted("one");
  const first = findVm(lab.state, "one");
  const target = (): string => lab.state.podNetns(lab.state.nextPodId(vmOfPod(first.id)));
  const expectUntouched = async (what: string): Promise<void> => {
    expect([findVm(lab.state, "one").netns, lab.state.podIds()], what).toEqual([first.netns, [first.id]]);
    const checked = await netbind(["check"], { env: lab.env });
    expect(checked.stdout, what).toBe("default/one: healthy\n");
    expect((await lab.inGuest("one", 'echo al""ive')).trim(), what).toContain("alive");
  };

  // Before anything is made.
  {
    using _ = stallLibvirt(first.netns);
    const refused = await migrate();
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("it did not finish within")]);
    expect(refused.stderr).not.toContain("making the target pod");
  }
  await expectUntouched("the source's, before");

  // While the guest is about to move; and a signal ends it as signals do, whatever libvirt does.
  for (const [whose, signal, code] of [
    ["source", undefined, 1],
    ["source", "SIGINT", 130],
    ["target", undefined, 1],
    ["target", "SIGTERM", 143],
  ] as const) {
    const stalled: Disposable[] = [];
    const netns = whose === "source" ? first.netns : target();
    const started = performance.now();
    const ended = await migrateUntil(lab, "moving the guest", (child) => {
      stalled.push(stallLibvirt(netns));
      if (signal !== undefined) child.kill(signal);
    });
    const what = `${whose} ${signal}: ${ended.stderr}`;
    expect(ended.code, what).toBe(code);
    expect(performance.now() - started, what).toBeLessThan(scaledTimeout(180_000));
    for (const one of stalled) one[Symbol.dispose]();
    if (lab.state.podIds().length > 1) {
      expect(ended.stderr, what).toContain("two pods of VM default/one are left");
      expect(ended.stderr, what).toContain("run netbind apply default/one or netbind gc");
    }
    expect((await netbind(["apply", "one"], { env: lab.env })).code, what).toBe(0);
    await expectUntouched(what);
  }
  await lab.stop("one");
});

test.each(["source", "target"] as const)(
  "the %s's libvirt hangs while the guest moves: what is left is said, and apply ends it",
  LONG,
  async (whose) => {
    await lab.start(demoVmi({ name: "one", port: 80, nonce: "x" }), "--wait", "0");
    await lab.booted("one");
    const first = findVm(lab.state, "one");
    const target = lab.state.podNetns(lab.state.nextPodId(vmOfPod(first.id)));
    let stalled: Disposable | undefined;
    const isMoving = (): boolean => processNamed(target, "qemu") !== undefined;
    const started = performance.now();
    const ended = await migrateUntil(lab, "moving the guest", async () => {
      if (await waitUntil(isMoving, 60_000, 5)) stalled = stallLibvirt(whose === "source" ? first.netns : target);
    });
    expect(performance.now() - started, ended.stderr).toBeLessThan(scaledTimeout(240_000));
    expect([ended.code, stalled === undefined], ended.stderr).toEqual([1, false]);
    if (lab.state.podIds().length > 1) expect(ended.stderr).toContain("run netbind apply default/one or netbind gc");
    stalled?.[Symbol.dispose]();
    const applied = await netbind(["apply", "one"], { env: lab.env });
    expect(applied.code, applied.stderr).toBe(0);
    expect(lab.state.podIds()).toHaveLength(1);
    expect((await netbind(["check"], { env: lab.env })).stdout, ended.stderr).toBe("default/one: healthy\n");
    expect(await lab.inGuest("one", 'echo al""ive')).toContain("alive");
    await lab.stop("one");
  },
);

test(
  "a target that takes the guest only after netbind was killed, while gc ends what is left: the guest is not lost",
  LONG,
  async () => {
    await lab.start(demoVmi({ name: "one", port: 80, nonce: "x" }), "--wait", "0");
    await lab.booted("one");
    const first = findVm(lab.state, "one");
    const next = lab.state.nextPodId(vmOfPod(first.id));
    const isUnderWay = async (): Promise<boolean> =>
      (await launcherOf(exec, first).virsh(["domjobinfo", domainName(first.vmi)])).includes("Outgoing migration");
    const env = { ...lab.env, NODE_OPTIONS: `--import=${STALL_TARGET}`, NETBIND_STALL: lab.state.podNetns(next) };
    const child = spawn(process.execPath, MIGRATE, { env: { ...process.env, ...env }, stdio: "ignore" });
    const ended = new Promise((resolve) => child.once("close", resolve));
    expect(await waitUntil(isUnderWay, 60_000)).toBe(true);
    child.kill("SIGKILL");
    await ended;

    // The target's sidecars keep the pod's end waiting, for as long as the guest needs to come.
    const record = (): LocalPodRecord | undefined => openRecord(lab.state.podDirectory(next))?.record;
    const sidecars = record()?.processes.filter(({ role }) => role.startsWith("sidecar")) ?? [];
    expect(sidecars).toHaveLength(1);
    for (const { processes } of sidecars)
      process.kill(processes.at(-1)?.pid ?? expect.fail("a sidecar has no process"), "SIGSTOP");
    const libvirt = libvirtIn(lab.state.podNetns(next));
    const collected = netbind(["gc"], { env: { ...lab.env, NETBIND_TIMEOUT_SCALE: "10" } });
    await waitUntil(() => record()?.phase === "stopping", 5000);
    process.kill(libvirt, "SIGCONT");
    const { code, stderr } = await collected;
    expect(code, stderr).toBe(0);
    expect((await netbind(["apply"], { env: lab.env })).code).toBe(0);
    expect((await netbind(["check"], { env: lab.env })).stdout, stderr).toBe("default/one: healthy\n");
    expect(await lab.inGuest("one", 'echo al""ive')).toContain("alive");
    expect(lab.state.podIds()).toHaveLength(1);
    await lab.stop("one");
  },
);

/** One point of each kind of step, on a VM with the demo guest alone; `slow/kill` kills at all of them. */
const KINDS: readonly { readonly of: RegExp; readonly which: "first" | "last" }[] = [
  { of: /started prlimit/, which: "last" },
  // virsh asks the source's libvirt; the guest has moved.
  { of: /started virsh migrate/, which: "first" },
  { of: /ended virsh migrate/, which: "first" },
];

test("netbind killed at a point of each kind of step of a migration: one healthy VM, in one pod", LONG, async () => {
  await using own = await KillLab.make();
  await own.start();
  const points = await traceMigration(own);
  for (const [at, { of, which }] of KINDS.entries()) {
    const found =
      which === "first" ? points.findIndex((point) => of.test(point)) : points.findLastIndex((point) => of.test(point));
    expect(found, `${of} is not among:\n${points.join("\n")}`).toBeGreaterThanOrEqual(0);
    await killMigration(own, found + 1, at % 2 === 0 ? "apply" : "gc");
  }
});
