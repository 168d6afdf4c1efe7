/** A pod link that is handed over to the guest, on the machine's kernel: the bridge binding's links, its DHCP, its silence. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Attachment } from "@netbind/contract";
import {
  authorize,
  countOperations,
  diffNetwork,
  nicNames,
  podLinkOf,
  serviceProcesses,
  showOperations,
  STANDARD_GRANTS,
  wantedNetwork,
  type WantedNetwork,
} from "@netbind/engine";
import { applyNetwork, endProcesses, findPlaceholderKind, observe, type ProcessId, startService } from "@netbind/netns";
import bridge from "@netbind/plugin-bridge";
import { expect, test } from "vitest";
import { anAttachment } from "../support/attachment.ts";
import { plugGuest } from "../support/attach-nic.ts";
import { TestNetns } from "../support/netns.ts";

const CLIENT = fileURLToPath(new URL("../support/dhcp-client.ts", import.meta.url));
const NAMES = nicNames({ name: "n", pod: {} });
const MTU = 1450;

/** A pod with a link to an outside, which has the network's gateway. */
async function cabled(): Promise<{ readonly pod: TestNetns; readonly outside: TestNetns } & AsyncDisposable> {
  const pod = await TestNetns.make();
  const outside = await TestNetns.make();
  await TestNetns.cable(outside, pod, ["v0", "eth0"], ["10.9.0.1/24", "10.9.0.2/24"], MTU);
  await pod.run(["ip", "addr", "add", "fd09::2/64", "dev", "eth0", "nodad"]);
  await pod.run(["ip", "route", "replace", "default", "via", "10.9.0.1"]);
  return {
    pod,
    outside,
    [Symbol.asyncDispose]: async () => void (await Promise.all([pod[Symbol.asyncDispose](), outside[Symbol.asyncDispose]()])),
  };
}

/** The bridge binding's plan for the pod's link as it is now. */
async function wantedOf(pod: TestNetns): Promise<{ readonly attachment: Attachment; readonly wanted: WantedNetwork }> {
  const link = podLinkOf(await observe(pod.run), "eth0");
  if (link === undefined) throw new Error("the pod has no link");
  const attachment = anAttachment({ pod: link, mac: link.mac, names: NAMES });
  const plan = authorize(bridge.plan(attachment), attachment, STANDARD_GRANTS);
  const owner = { uid: 107, gid: 107 };
  return { attachment, wanted: { ...wantedNetwork(NAMES, plan, link), owner, placeholderKind: await findPlaceholderKind(pod.run) } };
}

const difference = async (pod: TestNetns, wanted: WantedNetwork): Promise<ReturnType<typeof diffNetwork>> =>
  diffNetwork(wanted, await observe(pod.run, { sysctls: (wanted.plan.sysctls ?? []).map(({ key }) => key), table: wanted.table }));

test("the pod's link becomes the guest's: applied twice nothing is done, and what somebody changes is put back", async () => {
  await using place = await cabled();
  const { pod } = place;
  const { attachment, wanted } = await wantedOf(pod);
  await applyNetwork(pod.run, await difference(pod, wanted));
  const left = await difference(pod, wanted);
  expect(showOperations(left, wanted.table)).toEqual([]);
  expect(left.lost).toEqual([]);

  const links = new Map((await observe(pod.run)).links.map((link) => [link.name, link]));
  const own = links.get(NAMES.bridge)?.mac;
  expect(links.get(NAMES.bridge)).toMatchObject({ kind: "bridge", mtu: MTU, up: true, addresses: ["169.254.75.10/32"] });
  expect(links.get(NAMES.adopted)).toMatchObject({
    kind: "veth",
    mac: own,
    controller: NAMES.bridge,
    learning: false,
    up: true,
    addresses: [],
  });
  expect(links.get(NAMES.tap)).toMatchObject({ kind: "tun", controller: NAMES.bridge, mtu: MTU, tap: { uid: 107 } });
  expect(links.get("eth0")).toMatchObject({ mac: attachment.pod.mac, mtu: MTU, up: false });
  expect([...(links.get("eth0")?.addresses ?? [])].sort()).toEqual(["10.9.0.2/24", "fd09::2/64"]);
  expect(own).not.toBe(attachment.pod.mac);

  for (const damage of [
    ["ip", "link", "set", NAMES.adopted, "nomaster"],
    ["ip", "link", "set", NAMES.adopted, "down"],
    ["ip", "link", "set", NAMES.adopted, "type", "bridge_slave", "learning", "on"],
    ["ip", "addr", "add", "10.9.0.2/24", "dev", NAMES.adopted],
    ["ip", "addr", "flush", "dev", "eth0"],
    ["ip", "link", "set", "eth0", "up"],
    ["ip", "link", "del", "eth0"],
    ["ip", "link", "del", NAMES.bridge],
    ["ip", "link", "del", NAMES.tap],
    ["sysctl", "-q", "-w", "net.ipv4.conf.all.arp_ignore=0"],
  ]) {
    await pod.run(damage);
    const operations = await difference(pod, wanted);
    expect(countOperations(operations), damage.join(" ")).toBeGreaterThan(0);
    await applyNetwork(pod.run, operations);
    expect(showOperations(await difference(pod, wanted), wanted.table), damage.join(" ")).toEqual([]);
  }

  await pod.run(["ip", "link", "del", NAMES.adopted]);
  expect((await difference(pod, wanted)).lost).toEqual(["the pod's link eth0 is gone: only its network's plugin can make it"]);
});

test("interrupted after any of its steps, the rest is done by the next difference", async () => {
  await using probe = await cabled();
  const steps = (await difference(probe.pod, (await wantedOf(probe.pod)).wanted)).ip.length;
  expect(steps).toBeGreaterThan(10);
  for (let done = 1; done < steps; done++) {
    await using place = await cabled();
    const { wanted } = await wantedOf(place.pod);
    const whole = await difference(place.pod, wanted);
    await applyNetwork(place.pod.run, { ...whole, ip: whole.ip.slice(0, done), sysctls: [], nft: [] });
    await applyNetwork(place.pod.run, await difference(place.pod, wanted));
    const left = await difference(place.pod, wanted);
    expect([showOperations(left, wanted.table), left.lost], `after ${whole.ip[done - 1]}`).toEqual([[], []]);
  }
});

test("the guest has the pod's MAC and gets its address and routes; the pod answers for nobody", async () => {
  await using place = await cabled();
  const { pod, outside } = place;
  await using guest = await TestNetns.make();
  const { attachment, wanted } = await wantedOf(pod);
  await applyNetwork(pod.run, await difference(pod, wanted));
  await plugGuest(pod, guest, NAMES.bridge, attachment.mac, MTU);
  await guest.run(["ip", "route", "add", "255.255.255.255/32", "dev", "eth0"]);
  const directory = mkdtempSync(join(tmpdir(), "netbind-kernel-"));
  const running: ProcessId[] = [];
  try {
    for (const service of serviceProcesses(bridge.plan(attachment).services ?? [])) {
      await startService(service, {
        netns: pod.path,
        uid: 1_900_000_011,
        logFile: join(directory, "log"),
        started: async (processes) => void running.push(...processes),
      });
    }
    // Before the guest has its address nobody answers for it: the pod's own kernel least of all.
    await expect(outside.run(["ping", "-n", "-q", "-c", "1", "-W", "1", "10.9.0.2"])).rejects.toThrow();
    const offer = JSON.parse(await guest.run([process.execPath, CLIENT, attachment.mac])) as {
      address: string;
      options: Record<string, string>;
    };
    expect(offer).toMatchObject({
      address: "10.9.0.2",
      options: { 1: "ffffff00", 3: "0a090001", 26: "05aa", 54: "a9fe4b0a", 121: "000a090001" },
    });
    await guest.run(["ip", "addr", "add", "10.9.0.2/24", "dev", "eth0"]);
    await outside.run(["ping", "-n", "-q", "-c", "1", "-W", "2", "10.9.0.2"]);
    expect(await outside.run(["ip", "neigh", "show", "10.9.0.2"])).toContain(attachment.mac);
    await guest.run(["ping", "-n", "-q", "-c", "1", "-W", "2", "-M", "do", "-s", String(MTU - 28), "10.9.0.1"]);
    await expect(guest.run(["ping", "-n", "-q", "-c", "1", "-W", "2", "-M", "do", "-s", String(MTU - 27), "10.9.0.1"])).rejects.toThrow();
  } finally {
    await endProcesses(running);
    rmSync(directory, { recursive: true });
  }
});

test("a plan may take over its own pod link alone, and show what that link had", () => {
  const attachment = anAttachment({ names: NAMES, mac: "02:00:00:00:aa:01" });
  const plan = bridge.plan(attachment);
  expect(authorize(plan, attachment, STANDARD_GRANTS)).toBe(plan);
  const links = plan.network?.links ?? [];
  const changed = (at: number, change: object): (() => unknown) => {
    const altered = links.map((link, place) => (place === at ? { ...link, ...change } : link));
    return () => authorize({ ...plan, network: { links: altered } } as typeof plan, attachment, STANDARD_GRANTS);
  };
  for (const [at, change] of [
    [1, { name: "eth1-nic" }],
    [1, { bridge: "cni0" }],
    [3, { mac: "02:00:00:00:aa:02" }],
    [3, { addresses: [{ address: "10.244.0.9", prefix: 24 }] }],
    [3, { name: "eth1" }],
  ] as const)
    expect(changed(at, change), JSON.stringify(change)).toThrow(expect.objectContaining({ code: "PLAN_OUT_OF_BOUNDS" }) as Error);
  const elsewhere = { ...plan.services?.[0], client: { mac: attachment.mac, address: "10.244.0.3", prefix: 24 } };
  expect(() => authorize({ ...plan, services: [elsewhere] } as typeof plan, attachment, STANDARD_GRANTS)).toThrow("is in no network");
});
