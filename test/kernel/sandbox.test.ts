import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  endProcesses,
  explainLimits,
  filterBytes,
  FILTER_FD,
  FILE_LIMIT,
  isAlive,
  type Limits,
  exec,
  type Sandbox,
  sandboxCommand,
  type SandboxWay,
  SERVICE_LIMITS,
  startSandboxed,
  waitUntil,
} from "@netbind/netns";
import { describe, expect, test } from "vitest";
import { TestNetns } from "../support/netns/netns.ts";

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
  exec(
    [
      "sh",
      "-c",
      `"$@" 3> /dev/null ${FILTER_FD}<&0 2>&1 || echo "ended with $?"`,
      "sandbox",
      ...sandboxCommand(sandboxOf(uid, script), way),
    ],
    {
      stdin: filterBytes(),
    },
  );

test("what runs in a sandbox is asked to end, and its end is the sandbox's: nobody waits until it is killed", async () => {
  await using pod = await TestNetns.make();
  const directory = mkdtempSync(join(tmpdir(), "netbind-kernel-"));
  const logFile = join(directory, "log");
  const said = (): string => readFileSync(logFile, "utf8");
  // A server that bubblewrap's own first process waits for: the kernel lets that one hear no SIGTERM.
  const server = "trap 'echo asked; exit' TERM; echo up; while :; do sleep 0.05; done";
  const { processes } = await startSandboxed(sandboxOf(1_900_000_013, server), { netns: pod.path, logFile });
  try {
    expect(await waitUntil(() => said().includes("up"), 20_000)).toBe(true);
    expect(await endProcesses(processes, 60_000)).toEqual([]);
    // Its shell may say that its sleep, which is asked too, was ended.
    expect(said()).toMatch(/asked\n$/);
  } finally {
    await endProcesses(processes);
    rmSync(directory, { recursive: true });
  }
});

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
    const printed = await say(way, 1_900_000_013, 'at=0; while sleep 3 & do at=$((at + 1)); echo "$at"; done');
    const most = Math.max(...[...printed.matchAll(/^(\d+)$/gm)].map(([, at]) => Number(at)));
    expect(most).toBeGreaterThan(5);
    expect(most).toBeLessThanOrEqual(LIMITS.processes);
    expect(printed).toContain("Cannot fork");
    expect(explainLimits(printed, LIMITS)).toContain(
      "it may have 20 processes and threads of its user: set NETBIND_LIMIT_SCALE",
    );
  });

  test("has no more memory, open files and room for files than it may have, and writes no core", async () => {
    const printed = await say(
      way,
      1_900_000_014,
      "dd if=/dev/zero bs=64M count=1 | wc -c; ulimit -n; ulimit -c; cat /dev/zero > /tmp/x; wc -c < /tmp/x",
    );
    expect(printed).toMatch(/^dd: memory exhausted/m);
    expect(explainLimits(printed, LIMITS)).toContain(`${LIMITS.data} bytes of memory`);
    expect(printed).toMatch(/^64\n0$/m);
    expect(printed).toMatch(/No space left on device/);
    expect(printed.trim().endsWith(String(LIMITS.tmp))).toBe(true);
  });

  test("has nowhere else to write: not its root, not /dev, not the memory behind /dev/shm", async () => {
    const printed = await say(
      way,
      1_900_000_015,
      "for at in /x /dev/x /dev/shm/x /usr/x; do touch $at || echo refused; done; echo fine > /dev/null && echo null",
    );
    expect(printed.match(/refused/g)).toHaveLength(4);
    expect(printed).toMatch(/^null$/m);
  });

  test("sees no process of the machine's, and gets no capability and no other user", async () => {
    const printed = await say(
      way,
      1_900_000_016,
      "ls /proc | grep -c '^[0-9]'; grep -E 'NoNewPrivs|Cap(Prm|Eff|Bnd)|^Uid' /proc/self/status",
    );
    expect(Number(/^\d+/.exec(printed)?.[0])).toBeLessThan(6);
    expect(printed).toMatch(/^Uid:\t1900000016\t1900000016\t1900000016\t1900000016$/m);
    for (const set of ["Prm", "Eff", "Bnd"]) expect(printed).toMatch(new RegExp(`^Cap${set}:\t0{16}$`, "m"));
    expect(printed).toMatch(/^NoNewPrivs:\t1$/m);
  });
});

/** Calls that a sandbox's program is refused, by their number on this processor, with what a caller that may make them would get. */
const CALLS = `
import ctypes, errno, os, socket
libc = ctypes.CDLL(None, use_errno=True)
for name, number, arguments in (("unshare", 272, (0x10000000,)), ("keyctl", 250, (0, 0, 0)), ("bpf", 321, (0, 0, 0)), ("io_uring_setup", 425, (1, 0)), ("userfaultfd", 323, (1,)), ("ptrace", 101, (0, 0, 0, 0)), ("clone", 56, (0x10000000 | 17, 0, 0, 0, 0))):
    done = libc.syscall(number, *arguments)
    print(name, "done" if done >= 0 else errno.errorcode[ctypes.get_errno()])
print("clone3", errno.errorcode[ctypes.get_errno()] if libc.syscall(435, 0, 0) < 0 else "done")
for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, 38, 40):
    try: print("socket", family + 0, "opened" if socket.socket(family, socket.SOCK_DGRAM if family != 40 else socket.SOCK_STREAM) else "")
    except OSError as error: print("socket", family + 0, errno.errorcode[error.errno])
`;

describe.each(WAYS)("what a sandbox made by %s asks the kernel for", (way) => {
  test("is filtered: no namespaces, keys, programs, rings, other processes or kinds of sockets that nothing here takes", async () => {
    const printed = await say(
      way,
      1_900_000_017,
      `unshare --user true || echo refused; /usr/bin/python3 -c '${CALLS}'; grep Seccomp: /proc/self/status`,
    );
    expect(printed).toMatch(/^refused$/m);
    for (const call of ["unshare", "keyctl", "bpf", "io_uring_setup", "userfaultfd", "ptrace", "clone"])
      expect(printed).toContain(`${call} EPERM\n`);
    expect(printed).toContain("clone3 ENOSYS\n");
    for (const family of [1, 2, 10, 16]) expect(printed).toContain(`socket ${family} opened\n`);
    for (const family of [38, 40]) expect(printed).toContain(`socket ${family} EAFNOSUPPORT\n`);
    expect(printed).toMatch(/^Seccomp:\t2$/m);
  });
});

test("the filter in the tree is what its source compiles to", async () => {
  const source = fileURLToPath(new URL("../../tools/seccomp-filter.py", import.meta.url));
  expect((await exec(["/usr/bin/python3", source])).trim()).toBe(filterBytes().toString("base64"));
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
