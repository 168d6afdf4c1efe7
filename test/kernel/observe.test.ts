/** What a look at a network namespace starts: processes are what it costs. */
import { nicTable } from "@netbind/engine";
import { applyNetwork, type Exec, observe, observeAll } from "@netbind/netns";
import { expect, test } from "vitest";
import { TestNetns } from "../support/netns/netns.ts";

const RETRANS = "net.ipv4.neigh.lo.retrans_time_ms";
const NOWHERE = "net.ipv4.conf.nowhere.forwarding";
const TABLES = [nicTable("eth0"), nicTable("net1"), nicTable("net2")] as const;
const GUARDED = { ...TABLES[1], serverGuard: { outside: "net1" } };
const add = (family: string, name: string) => ({ add: { table: { family, name } } });

/** Runs in a namespace, and counts what it starts. */
function counting(pod: TestNetns): { readonly execIn: Exec; started: number } {
  const counted = {
    started: 0,
    execIn: ((argv, options) => {
      counted.started += 1;
      return pod.exec(argv, options);
    }) as Exec,
  };
  return counted;
}

test("one child looks for all NICs of a pod, and gives each its own", async () => {
  await using pod = await TestNetns.make();
  await pod.exec(["ip", "route", "add", "10.7.0.0/16", "dev", "lo"]);
  await pod.exec(["ip", "route", "add", "fd07::/64", "dev", "lo"]);
  await pod.exec(["sysctl", "-q", "-w", `${RETRANS}=2340`]);
  for (const [family, name] of [
    ["inet", GUARDED.name],
    ["bridge", GUARDED.name],
    ["inet", TABLES[2].name],
  ] as const)
    await pod.exec(["nft", "add", "table", family, name]);
  const counted = counting(pod);
  const [first, second, third, none] = await observeAll(counted.execIn, [
    { sysctls: [RETRANS, NOWHERE], table: TABLES[0] },
    { table: GUARDED },
    { sysctls: [RETRANS], table: TABLES[2] },
    {},
  ]);
  expect(counted.started).toBe(1);
  // A key of a link that is not there is left out.
  expect(first).toMatchObject({ sysctls: { [RETRANS]: "2340" }, table: null });
  expect(second).toMatchObject({ sysctls: {} });
  expect(second?.table?.map(({ table }) => (table as { readonly family: string }).family)).toEqual(["inet", "bridge"]);
  expect(third).toMatchObject({ sysctls: { [RETRANS]: "2340" }, table: [{ table: { name: TABLES[2].name } }] });
  expect(none).not.toHaveProperty("table");
  for (const one of [first, second, third, none]) {
    expect(one?.links.map(({ name }) => name)).toEqual(["lo"]);
    expect(one?.routes.map(({ destination }) => destination)).toEqual(["10.7.0.0/16", "fd07::/64"]);
  }
});

test("the child that applies lists what it made, as the next look finds it", async () => {
  await using pod = await TestNetns.make();
  const counted = counting(pod);
  const nft = [add("inet", GUARDED.name), add("bridge", GUARDED.name)];
  const operations = { ip: [], sysctls: [{ key: RETRANS, value: "2340" }], nft, unrecoverable: [] };
  const listing = await applyNetwork(counted.execIn, operations, { listed: GUARDED });
  expect(counted.started).toBe(1);
  expect(listing).toHaveLength(2);
  const { table, sysctls } = await observe(pod.exec, { sysctls: [RETRANS], table: GUARDED });
  expect(listing).toEqual(table);
  expect(sysctls).toEqual({ [RETRANS]: "2340" });
  expect(await applyNetwork(pod.exec, { ...operations, nft: [] })).toBe(undefined);
});

test("what cannot be listed is a failure, and not an absent table", async () => {
  await using pod = await TestNetns.make();
  const wrong = { family: "inet", name: "5" } as const;
  await expect(observe(pod.exec, { table: wrong })).rejects.toThrow("syntax error");
});
