/** A machine or container whose control groups cannot be used: what is said of it, and that nothing is made. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureImage, State, stateDirectories } from "@netbind/local";
import { exec, waitUntil } from "@netbind/netns";
import { expect, test } from "vitest";
import { WITH_COMPILED } from "../support/build/programs.ts";
import { HIDDEN_GROUPS, MISSING_GROUPS, READ_ONLY_GROUPS } from "../support/netns/hidden-groups.ts";
import { HostileNode } from "../support/netns/hostile-node.ts";
import type { TriedGroups } from "../support/netns/try-groups.ts";

const script = (name: string): readonly string[] => [
  process.execPath,
  "--conditions=@netbind/source",
  fileURLToPath(new URL(`../support/netns/${name}`, import.meta.url)),
];
const GROUP = "/sys/fs/cgroup/netbind-test-groups";

async function tryGroups(node: HostileNode, named: string): Promise<TriedGroups> {
  const printed = await node.exec([...script("try-groups.ts"), GROUP], {
    env: { ...WITH_COMPILED, NETBIND_CGROUP: named },
  });
  return JSON.parse(printed) as TriedGroups;
}

test.each([
  ["missing", MISSING_GROUPS],
  ["hidden by another mount", HIDDEN_GROUPS],
  ["read-only", READ_ONLY_GROUPS],
])("control groups that are %s: what to do is said, and a named one is refused", async (_, { setUp, says }) => {
  await using node = await HostileNode.make({ setUp });
  expect((await tryGroups(node, "")).found).toEqual({ why: says });
  const { found } = await tryGroups(node, "/pods");
  expect(found).toBe(`GroupError: NETBIND_CGROUP is /pods, and ${says}, or set NETBIND_CGROUP=none`);
});

test("a group that a record names is not made where they are read-only, and the message says what to do", async () => {
  await using node = await HostileNode.make({ setUp: READ_ONLY_GROUPS.setUp });
  expect((await tryGroups(node, "none")).made).toBe(
    `GroupError: control group ${GROUP} cannot be changed: its file system is mounted read-only: mount it read-write`,
  );
});

test.each([
  ["missing", MISSING_GROUPS],
  ["read-only", READ_ONLY_GROUPS],
])("a container starts where control groups are %s", async (_, { setUp }) => {
  const image = await ensureImage(exec, new State(stateDirectories(process.env)).cache, () => undefined);
  const directory = mkdtempSync("/run/netbind-groups-");
  try {
    await using node = await HostileNode.make({ setUp });
    const start = [...script("start-container.ts"), directory, image.rootfs];
    expect(await node.exec(start, { env: WITH_COMPILED })).toBe("started");
    const printed = (): string => readFileSync(join(directory, "log"), "utf8");
    await waitUntil(() => printed() !== "", 5000);
    expect(printed()).toBe("inside\n");
  } finally {
    rmSync(directory, { recursive: true });
  }
});
