/** The mount namespace that servers start from: what it has, what it is left with when it cannot be made, and its end. */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ServiceProcess } from "@netbind/engine";
import {
  bareMountsIn,
  endProcesses,
  type Exec,
  exec,
  makeBareMounts,
  type ProcessId,
  removeBareMounts,
  startService,
} from "@netbind/netns";
import { afterEach, beforeEach, expect, test } from "vitest";
import { TestNetns } from "../support/netns/netns.ts";

let root: string;
let directory: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "netbind-kernel-"));
  directory = join(root, "mounts");
});
afterEach(async () => {
  await removeBareMounts(exec, directory);
  rmSync(root, { recursive: true });
});

const mountsBelow = (path: string): readonly string[] =>
  readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes(` ${path}/`));

/** Where something is mounted in the namespace, as its mountinfo lists it. */
async function mountPoints(): Promise<readonly string[]> {
  const path = bareMountsIn(directory) ?? expect.fail("it is not made");
  const text = await exec(["nsenter", `--mount=${path}`, "--", "cat", "/proc/self/mountinfo"]);
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split(" ")[4] ?? "");
}

/** What of a machine's mounts is in it: below /usr as many as the machine has there. */
const isKept = (point: string): boolean => ["/", "/dev", "/proc"].includes(point) || /^\/usr(\/|$)/.test(point);

/** Mounts a file system of a pod's, and one of the administrator's, while a test lasts. */
async function withMount(name: string, step: () => Promise<void>): Promise<void> {
  const path = join(root, name);
  mkdirSync(path);
  await exec(["mount", "-t", "tmpfs", "tmpfs", path]);
  try {
    await step();
  } finally {
    await exec(["umount", path]);
  }
}

test("has the machine's own files and a /proc, and no mount that was there before or came since", async () => {
  await withMount("before", async () => {
    await makeBareMounts(exec, directory);
    await withMount("since", async () => {
      const points = await mountPoints();
      expect(points.filter((point) => !isKept(point))).toEqual([]);
      for (const kept of ["/", "/usr", "/dev", "/proc"]) expect(points).toContain(kept);
    });
  });
});

test("a server of a pod starts from it and has its socket, and its caller's mounts are as they were", async () => {
  await using pod = await TestNetns.make();
  await pod.exec(["sysctl", "-qw", "net.ipv4.ip_unprivileged_port_start=0"]);
  await makeBareMounts(exec, directory);
  const before = mountsBelow(root);
  const running: ProcessId[] = [];
  const service: ServiceProcess = {
    ...{ role: "dhcp4 lo", link: "lo", socket: { family: 4, udpPort: 67 }, privileged: false },
    configuration:
      "port=0\nleasefile-ro\ndhcp-broadcast\nno-ping\nkeep-in-foreground\nuser=\ngroup=\ninterface=lo\nbind-interfaces\ndhcp-range=127.0.0.9,127.0.0.9\n",
  };
  try {
    await startService(service, {
      ...{ netns: pod.path, uid: 1_900_000_041, logFile: join(root, "log"), mounts: bareMountsIn(directory) ?? "" },
      started: async (processes) => void running.push(...processes),
    });
    expect(running).toHaveLength(2);
  } finally {
    await endProcesses(running);
  }
  expect(mountsBelow(root)).toEqual(before);
});

test("made again it is the same one; removed, nothing of it is mounted", async () => {
  await makeBareMounts(exec, directory);
  const first = await exec(["stat", "--format=%i", bareMountsIn(directory) ?? ""]);
  await makeBareMounts(exec, directory);
  expect(await exec(["stat", "--format=%i", bareMountsIn(directory) ?? ""])).toBe(first);
  await removeBareMounts(exec, directory);
  expect([bareMountsIn(directory), mountsBelow(root), readdirSync(directory)]).toEqual([undefined, [], []]);
  await removeBareMounts(exec, directory);
});

/** Runs what is asked for with a `pivot_root` of ours before the machine's. */
function withPivotRoot(script: string): Exec {
  const bin = join(root, "bin");
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, "pivot_root"), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, "pivot_root"), 0o755);
  return (argv, options) => exec(["env", `PATH=${bin}:${process.env["PATH"]}`, ...argv], options);
}

test("a machine that lets none be made, as one whose root is an initramfs, goes without, and has no mount of it", async () => {
  const refusing = withPivotRoot("echo 'pivot_root: Invalid argument' >&2; exit 1");
  await makeBareMounts(refusing, directory);
  expect([bareMountsIn(directory), mountsBelow(root), readdirSync(directory)]).toEqual([undefined, [], []]);
});

test("a start that was killed while it made one leaves none that a server would start from; the next makes it", async () => {
  // All that makes it ends at once: its own shell too.
  const killing = withPivotRoot("kill -9 -- -$(ps -o pgid= -p $$ | tr -d ' ')");
  const killed = makeBareMounts(
    (argv, options) =>
      argv.at(0) === "sh" ? killing(["setsid", "--wait", ...argv], options) : Promise.reject(new Error("ended")),
    directory,
  );
  await expect(killed).rejects.toThrow("ended");
  expect(mountsBelow(root).length).toBeGreaterThan(0);
  expect(bareMountsIn(directory)).toBeUndefined();
  await makeBareMounts(exec, directory);
  expect((await mountPoints()).filter((point) => !isKept(point))).toEqual([]);
});
