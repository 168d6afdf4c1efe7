import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endProcesses, FILE_LIMIT, isAlive, startSandboxed, waitUntil } from "@netbind/netns";
import { expect, test } from "vitest";
import { TestNetns } from "../support/netns.ts";

test("what a sandbox prints is bounded, however much it says", async () => {
  await using pod = await TestNetns.make();
  const directory = mkdtempSync(join(tmpdir(), "netbind-kernel-"));
  const logFile = join(directory, "log");
  const sandbox = {
    uid: 1_900_000_012,
    gid: 1_900_000_012,
    binds: [{ source: "/usr", target: "/usr" }],
    argv: ["/usr/bin/yes", "x".repeat(4096)],
  };
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
