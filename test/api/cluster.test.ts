import { existsSync } from "node:fs";
import { inode, isAlive, processesIn } from "@netbind/netns";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ApiServer } from "../support/cluster/api-server.ts";
import { downCluster, upCluster } from "../support/cluster/cluster.ts";
import { ClusterDirectory, type ClusterRecord, holdersOf } from "../support/cluster/cluster-directory.ts";
import { endHolders } from "../support/cluster/holder.ts";
import { DEFAULT_RELEASE } from "../support/cluster/kubernetes.ts";

const SETTINGS = { release: DEFAULT_RELEASE, nodes: 0 } as const;
const directory = new ClusterDirectory(`second-${process.pid}`);

beforeAll(() => upCluster(directory, SETTINGS));
afterAll(() => downCluster(directory));

function upRecord(): ClusterRecord {
  const record = directory.running();
  if (record === undefined) throw new Error("the cluster is not up");
  return record;
}
const namespaceOf = (): string => {
  return `/proc/${directory.running()?.controlPlane.first.pid}/ns/net`;
};

test("a second cluster runs beside the suite's own, and one that is up stays as it is", async () => {
  const before = directory.record();
  expect(await upCluster(directory, SETTINGS)).toEqual(before);
  expect(await new ApiServer(directory).kubectl(["get", "namespace", "default", "-o", "name"])).toBe(
    "namespace/default\n",
  );
});

test("a cluster that is up is not taken for one with other settings", async () => {
  await expect(upCluster(directory, { ...SETTINGS, nodes: 1 })).rejects.toThrow(/take it down first/);
});

test("one whose first process was killed ends whole, and comes up again", async () => {
  const netns = namespaceOf();
  const members = processesIn(netns);
  expect(members.length).toBeGreaterThanOrEqual(3);
  await endHolders(holdersOf(upRecord()));
  expect(directory.running()).toBeUndefined();
  await upCluster(directory, SETTINGS);
  expect(namespaceOf()).not.toBe(netns);
  expect((await new ApiServer(directory).request<{ kind: string }>({ path: "/api/v1/namespaces" })).kind).toBe(
    "NamespaceList",
  );
});

test("nothing of one that is taken down is left", async () => {
  const netns = namespaceOf();
  expect(inode(netns)).toBeDefined();
  const members = processesIn(netns);
  await downCluster(directory);
  expect(inode(netns)).toBeUndefined();
  expect(members.filter(isAlive)).toEqual([]);
  for (const path of [directory.path, `${directory.path}.lock`]) expect(existsSync(path)).toBe(false);
  await downCluster(directory);
});

test.each(["", "../etc", "A", "-a", "a".repeat(40)])("%j is not the name of a cluster", (name) => {
  expect(() => new ClusterDirectory(name)).toThrow(/is not the name of a cluster/);
});
