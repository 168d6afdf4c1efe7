import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  endProcesses,
  explainLimits,
  FILE_LIMIT,
  isAlive,
  type Limits,
  run,
  type Sandbox,
  sandboxCommand,
  type SandboxWay,
  SERVICE_LIMITS,
  startSandboxed,
  waitUntil,
} from "@netbind/netns";
import { describe, expect, test } from "vitest";
import { TestNetns } from "../support/netns.ts";

const MIB = 1024 ** 2;
const LIMITS = { processes: 20, files: 64, data: 24 * MIB, fileSize: FILE_LIMIT, tmp: MIB };
const WAYS = ["user-namespace", "fresh-proc", "no-user-namespace"] as const satisfies readonly SandboxWay[];

/** A sandbox that runs a shell script, as a user of its own. */
const sandboxOf = (uid: number, script: string, limits: Limits = LIMITS): Sandbox => ({
  ...{ uid, gid: uid, limits },
  binds: [
    { source: "/usr", target: "/usr" },
    { source: "/bin", target: "/bin" },
  ],
  argv: ["/usr/bin/sh", "-c", script],
});

/** What a script says in a sandbox; both of its outputs. */
const say = (way: SandboxWay, uid: number, script: string): Promise<string> =>
  run(["sh", "-c", '"$@" 3> /dev/null 2>&1 || echo "ended with $?"', "sandbox", ...sandboxCommand(sandboxOf(uid, script), way)]);

test("what a sandbox prints is bounded, however much it says", async () => {
  await using pod = await TestNetns.make();
  const directory = mkdtempSync(join(tmpdir(), "netbind-kernel-"));
  const logFile = join(directory, "log");
  const sandbox = sandboxOf(1_900_000_012, `yes ${"x".repeat(4096)}`, SERVICE_LIMITS);
  const { processes } = await startSandboxed(sandbox, { netns: pod.path, logFile });
  try {
    expect(await waitUntil(() => !processes.some(isAlive), 20_000)).toBe(true);
    const { size } = statSync(logFile);
    expect(size).toBeGreaterThan(FILE_LIMIT / 2);
    expect(size).toBeLessThanOrEqual(FILE_LIMIT);
  } finally {
    await endProcesses(processes);
    rmSync(directory, { recursive: true });
  }
});

describe.each(WAYS)("a sandbox made by %s", (way) => {
  test("has no more processes than its user may have", async () => {
    const said = await say(way, 1_900_000_013, 'at=0; while sleep 3 & do at=$((at + 1)); echo "$at"; done');
    const most = Math.max(...[...said.matchAll(/^(\d+)$/gm)].map(([, at]) => Number(at)));
    expect(most).toBeGreaterThan(5);
    expect(most).toBeLessThanOrEqual(LIMITS.processes);
    expect(said).toContain("Cannot fork");
    expect(explainLimits(said, LIMITS)).toContain("it may have 20 processes and threads of its user: set NETBIND_LIMIT_SCALE");
  });

  test("has no more memory, open files and room for files than it may have, and writes no core", async () => {
    const said = await say(
      way,
      1_900_000_014,
      "dd if=/dev/zero bs=64M count=1 | wc -c; ulimit -n; ulimit -c; cat /dev/zero > /tmp/x; wc -c < /tmp/x",
    );
    expect(said).toMatch(/^dd: memory exhausted/m);
    expect(explainLimits(said, LIMITS)).toContain(`${LIMITS.data} bytes of memory`);
    expect(said).toMatch(/^64\n0$/m);
    expect(said).toMatch(/No space left on device/);
    expect(said.trim().endsWith(String(LIMITS.tmp))).toBe(true);
  });

  test("has nowhere else to write: not its root, not /dev, not the memory behind /dev/shm", async () => {
    const said = await say(
      way,
      1_900_000_015,
      "for at in /x /dev/x /dev/shm/x /usr/x; do touch $at || echo refused; done; echo fine > /dev/null && echo null",
    );
    expect(said.match(/refused/g)).toHaveLength(4);
    expect(said).toMatch(/^null$/m);
  });

  test("sees no process of the machine's, and gets no capability and no other user", async () => {
    const said = await say(way, 1_900_000_016, "ls /proc | grep -c '^[0-9]'; grep -E 'NoNewPrivs|Cap(Prm|Eff|Bnd)|^Uid' /proc/self/status");
    expect(Number(/^\d+/.exec(said)?.[0])).toBeLessThan(6);
    expect(said).toMatch(/^Uid:\t1900000016\t1900000016\t1900000016\t1900000016$/m);
    for (const set of ["Prm", "Eff", "Bnd"]) expect(said).toMatch(new RegExp(`^Cap${set}:\t0{16}$`, "m"));
    expect(said).toMatch(/^NoNewPrivs:\t1$/m);
  });
});

test.each(["user-namespace", "fresh-proc"] as const)("a sandbox made by %s makes no user namespace of its own", async (way) => {
  expect(await say(way, 1_900_000_017, "unshare --user true || echo refused")).toMatch(/^refused$/m);
});

test("the log of a sandbox is nobody's but root's", async () => {
  await using pod = await TestNetns.make();
  const directory = mkdtempSync(join(tmpdir(), "netbind-kernel-"));
  const logFile = join(directory, "log");
  const { processes } = await startSandboxed(sandboxOf(1_900_000_018, "echo hello"), { netns: pod.path, logFile });
  try {
    expect(await waitUntil(() => readFileSync(logFile, "utf8") === "hello\n", 10_000)).toBe(true);
    expect(statSync(logFile)).toMatchObject({ uid: 0, mode: 0o100600 });
  } finally {
    await endProcesses(processes);
    rmSync(directory, { recursive: true });
  }
});
