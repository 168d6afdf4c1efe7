import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { inode, isAlive, processesIn } from "@netbind/netns";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ApiServer } from "../support/cluster/api-server.ts";
import { downCluster, removeOrphans, upCluster, upOwnCluster } from "../support/cluster/cluster.ts";
import { ClusterDirectory, type ClusterRecord, holdersOf } from "../support/cluster/cluster-directory.ts";
import { endHolders } from "../support/cluster/holder.ts";
import { defaultRelease } from "../support/cluster/kubernetes.ts";

const SETTINGS = { release: defaultRelease(), nodes: 0 } as const;
const directory = new ClusterDirectory(`second-${process.pid}`);

beforeAll(() => upOwnCluster(directory, SETTINGS));
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

const MODULES = ["cluster", "cluster-directory"].map(
  (name) => new URL(`../support/cluster/${name}.ts`, import.meta.url),
);
/** What a run of tests does until it is killed. */
const RUN = `
const [{ upOwnCluster }, { ClusterDirectory }] = await Promise.all(process.argv.slice(1, 3).map((name) => import(name)));
await upOwnCluster(new ClusterDirectory("third-" + process.pid), JSON.parse(process.argv[3]));
console.log(process.pid);
setInterval(() => undefined, 1000);
`;

test("what a run that was killed has left is gone with the next, and nothing of those that go on", async () => {
  const args = ["--conditions=@netbind/source", "--input-type=module", "-e", RUN, ...MODULES.map(String)];
  const run = spawn(process.execPath, [...args, JSON.stringify(SETTINGS)], { stdio: ["ignore", "pipe", "inherit"] });
  const [said] = (await once(run.stdout, "data")) as [Buffer];
  const left = new ClusterDirectory(`third-${Number(said.toString())}`);
  const members = processesIn(`/proc/${left.running()?.controlPlane.first.pid}/ns/net`);
  await removeOrphans();
  expect(members.filter(isAlive)).toEqual(members);
  run.kill("SIGKILL");
  await once(run, "exit");
  // Its number may be another process' by then.
  const other = new ClusterDirectory(`fourth-${process.pid}`);
  other.make({ pid: process.pid, startTime: 1 });
  await removeOrphans();
  expect(members.length).toBeGreaterThanOrEqual(3);
  expect(members.filter(isAlive)).toEqual([]);
  for (const { path } of [left, other]) expect(existsSync(path)).toBe(false);
  expect(upRecord()).toEqual(directory.record());
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
