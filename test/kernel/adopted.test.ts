/** A pod link that is handed over to the guest, on the machine's kernel: the bridge binding's links, its DHCP, its silence. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Attachment } from "@netbind/contract";
import { anAttachment } from "@netbind/contract/testing";
import {
  authorize,
  countOperations,
  diffNetwork,
  podLinkOf,
  serviceProcesses,
  formatOperations,
  STANDARD_GRANTS,
  desiredNetwork,
  type DesiredNetwork,
} from "@netbind/engine";
import { nicNames } from "@netbind/kubevirt";
import {
  applyNetwork,
  endProcesses,
  findPlaceholderKind,
  observe,
  type ProcessId,
  startService,
  waitUntil,
} from "@netbind/netns";
import bridge from "@netbind/plugin-bridge";
import { expect, test } from "vitest";
import { plugGuest } from "../support/netns/attach-nic.ts";
import { isDhcpServer, isRouterAdvertisement, Sniffer } from "../support/peers/frames.ts";
import { TestNetns } from "../support/netns/netns.ts";

const CLIENT = fileURLToPath(new URL("../support/peers/dhcp-client.ts", import.meta.url));
const NAMES = nicNames({ name: "n", pod: {} });
const MTU = 1450;

/** A pod with a link to an outside, which has the network's gateway. */
async function cabled(): Promise<{ readonly pod: TestNetns; readonly outside: TestNetns } & AsyncDisposable> {
  const pod = await TestNetns.make();
  const outside = await TestNetns.make();
  await TestNetns.cable(outside, pod, ["v0", "eth0"], ["10.9.0.1/24", "10.9.0.2/24"], MTU);
  await outside.exec(["ip", "addr", "add", "fd09::1/64", "dev", "v0", "nodad"]);
  await outside.exec(["ip", "addr", "add", "fd77::1/128", "dev", "lo"]);
  await pod.exec(["ip", "addr", "add", "fd09::2/64", "dev", "eth0", "nodad"]);
  await pod.exec(["ip", "route", "replace", "default", "via", "10.9.0.1"]);
  await pod.exec(["ip", "route", "replace", "default", "via", "fd09::1"]);
  return {
    pod,
    outside,
    [Symbol.asyncDispose]: async () =>
      void (await Promise.all([pod[Symbol.asyncDispose](), outside[Symbol.asyncDispose]()])),
  };
}

/** The bridge binding's plan for the pod's link as it is now. */
async function desiredOf(
  pod: TestNetns,
  change: Partial<Attachment> = {},
): Promise<{ readonly attachment: Attachment; readonly desired: DesiredNetwork }> {
  const link = podLinkOf(await observe(pod.exec), "eth0");
  if (link === undefined) throw new Error("the pod has no link");
  const attachment = anAttachment({ pod: link, mac: link.mac, names: NAMES, ...change });
  const plan = authorize(bridge.plan(attachment), { attachment, grants: STANDARD_GRANTS });
  const owner = { uid: 107, gid: 107 };
  return {
    attachment,
    desired: { ...desiredNetwork(NAMES, plan, link), owner, placeholderKind: await findPlaceholderKind(pod.exec) },
  };
}

const difference = async (pod: TestNetns, desired: DesiredNetwork): Promise<ReturnType<typeof diffNetwork>> =>
  diffNetwork(
    desired,
    await observe(pod.exec, { sysctls: (desired.plan.sysctls ?? []).map(({ key }) => key), table: desired.table }),
  );

/** Applies a plan for the first time, and gives it with the table's listing as it was recorded then. */
async function applyFirst(pod: TestNetns, desired: DesiredNetwork): Promise<DesiredNetwork> {
  const appliedTable = await applyNetwork(pod.exec, await difference(pod, desired), { listed: desired.table });
  return { ...desired, ...(appliedTable === undefined ? {} : { appliedTable }) };
}

test("the pod's link becomes the guest's: applied twice nothing is done, and what somebody changes is put back", async () => {
  await using place = await cabled();
  const { pod } = place;
  const { attachment, desired: planned } = await desiredOf(pod);
  const desired = await applyFirst(pod, planned);
  const left = await difference(pod, desired);
  expect(formatOperations(left, desired.table)).toEqual([]);
  expect(left.unrecoverable).toEqual([]);

  const links = new Map((await observe(pod.exec)).links.map((link) => [link.name, link]));
  const own = links.get(NAMES.bridge)?.mac;
  expect(links.get(NAMES.bridge)).toMatchObject({ kind: "bridge", mtu: MTU, up: true });
  expect([...(links.get(NAMES.bridge)?.addresses ?? [])].sort()).toEqual(["169.254.75.10/32", "fd4e:6574:6269::1/64"]);
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
    ["ip", "-6", "route", "del", "default"],
    ["ip", "-6", "route", "del", "fd09::2/128", "dev", NAMES.bridge],
    ["nft", "delete", "table", "bridge", "netbind_eth0"],
    ["nft", "flush", "chain", "bridge", "netbind_eth0", "output"],
    ["sysctl", "-q", "-w", "net.ipv6.conf.all.forwarding=0"],
    ["ip", "link", "del", NAMES.bridge],
    ["ip", "link", "del", NAMES.tap],
    ["sysctl", "-q", "-w", "net.ipv4.conf.all.arp_ignore=0"],
  ]) {
    await pod.exec(damage);
    const operations = await difference(pod, desired);
    expect(countOperations(operations), damage.join(" ")).toBeGreaterThan(0);
    await applyNetwork(pod.exec, operations);
    expect(formatOperations(await difference(pod, desired), desired.table), damage.join(" ")).toEqual([]);
  }

  await pod.exec(["ip", "link", "del", NAMES.adopted]);
  expect((await difference(pod, desired)).unrecoverable).toEqual([
    "the pod's link eth0 is missing, and only its network's CNI plugin can make it",
  ]);
});

test("interrupted after any of its steps, the rest is done by the next difference", async () => {
  await using probe = await cabled();
  const steps = (await difference(probe.pod, (await desiredOf(probe.pod)).desired)).ip.length;
  expect(steps).toBeGreaterThan(10);
  for (let done = 1; done < steps; done++) {
    await using place = await cabled();
    const { desired: planned } = await desiredOf(place.pod);
    const whole = await difference(place.pod, planned);
    await applyNetwork(place.pod.exec, { ...whole, ip: whole.ip.slice(0, done), sysctls: [], nft: [] });
    const desired = await applyFirst(place.pod, planned);
    const left = await difference(place.pod, desired);
    expect([formatOperations(left, desired.table), left.unrecoverable], `after ${whole.ip[done - 1]}`).toEqual([
      [],
      [],
    ]);
  }
});

/** Runs the servers of an attachment's plan while something is done. */
async function whileServing(pod: TestNetns, attachment: Attachment, act: () => Promise<void>): Promise<void> {
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
    await act();
  } finally {
    await endProcesses(running);
    rmSync(directory, { recursive: true });
  }
}

const ask = async (
  guest: TestNetns,
  mac: string,
  deadline = 8000,
): Promise<{ readonly address: string; readonly options: Record<string, string> }> =>
  JSON.parse(await guest.exec([process.execPath, CLIENT, mac, String(deadline)])) as {
    address: string;
    options: Record<string, string>;
  };

const ping = (from: TestNetns, address: string, ...more: readonly string[]): Promise<string> =>
  from.exec(["ping", "-n", "-q", "-c", "1", "-W", "2", ...more, address]);

/** Asks until the answer matches: what comes by an advertisement comes a little later. */
async function waitForText(say: () => Promise<string>, pattern: RegExp): Promise<void> {
  await waitUntil(async () => pattern.test(await say()), 8000, 200);
  expect(await say()).toMatch(pattern);
}

/** A guest on the bridge, which may shout before it has an address. */
async function plugged(pod: TestNetns, mac: string): Promise<TestNetns> {
  const guest = await TestNetns.make();
  await plugGuest(pod, guest, NAMES.bridge, mac, MTU);
  await guest.exec(["ip", "route", "add", "255.255.255.255/32", "dev", "eth0"]);
  return guest;
}

test("the guest has the pod's MAC and gets its addresses and routes; the pod answers for nobody", async () => {
  await using place = await cabled();
  const { pod, outside } = place;
  const { attachment, desired } = await desiredOf(pod);
  await applyNetwork(pod.exec, await difference(pod, desired));
  await using guest = await plugged(pod, attachment.mac);
  await using leak = await Sniffer.on(outside.path, "v0");
  await whileServing(pod, attachment, async () => {
    // Before the guest has its address nobody answers for it: the pod's own kernel least of all.
    for (const address of ["10.9.0.2", "fd09::2"]) await expect(ping(outside, address)).rejects.toThrow();
    expect(await ask(guest, attachment.mac)).toMatchObject({
      address: "10.9.0.2",
      options: { 1: "ffffff00", 3: "0a090001", 26: "05aa", 54: "a9fe4b0a", 121: "000a090001" },
    });
    await guest.exec(["ip", "addr", "add", "10.9.0.2/24", "dev", "eth0"]);
    await ping(outside, "10.9.0.2");
    expect(await outside.exec(["ip", "neigh", "show", "10.9.0.2"])).toContain(attachment.mac);
    await ping(guest, "10.9.0.1", "-M", "do", "-s", String(MTU - 28));
    await expect(ping(guest, "10.9.0.1", "-M", "do", "-s", String(MTU - 27))).rejects.toThrow();

    // IPv6: the bridge is the router, and passes on what it gets; what comes goes to the guest itself.
    await guest.exec(["ip", "addr", "add", "fd09::2/128", "dev", "eth0", "nodad"]);
    await waitForText(() => guest.exec(["ip", "-6", "route"]), /default via fe80::\S+ dev eth0 proto ra .*mtu 1450/);
    for (const address of ["fd09::1", "fd77::1"]) await ping(guest, address);
    await ping(outside, "fd09::2");
    expect(await outside.exec(["ip", "-6", "neigh", "show", "fd09::2"])).toContain(attachment.mac);
    expect(await guest.exec(["ip", "-6", "addr", "show", "scope", "global"])).not.toContain("fd4e");
  });
  // What the pod's servers say stays in the pod: no offer and no advertisement is on the network, and nobody is served there.
  const heard = await leak.frames();
  expect(
    heard.some(({ source, type }) => source === attachment.mac && type === 0x0800),
    "the ear is not deaf",
  ).toBe(true);
  expect(heard.filter((frame) => isDhcpServer(frame) || isRouterAdvertisement(frame))).toEqual([]);
});

test("a guest keeps its lease in another pod: it is answered by its own MAC, whatever that of the pod's link is", async () => {
  await using place = await cabled();
  const { pod } = place;
  const before = "02:00:00:00:be:ef";
  const { attachment, desired } = await desiredOf(pod, { mac: before, cause: "migrationTarget" });
  expect(attachment.pod.mac).not.toBe(before);
  await applyNetwork(pod.exec, await difference(pod, desired));
  await using guest = await plugged(pod, before);
  await whileServing(pod, attachment, async () => {
    expect((await ask(guest, before)).address).toBe("10.9.0.2");
    await guest.exec(["ip", "addr", "add", "10.9.0.2/24", "dev", "eth0"]);
    await ping(guest, "10.9.0.1");
    await expect(ask(guest, attachment.pod.mac, 1500), "the pod link's MAC is nobody's").rejects.toThrow();
  });
});

test("an address of its own alone, with a gateway that is in no network (Calico): the guest is told the way to it", async () => {
  await using pod = await TestNetns.make();
  await using outside = await TestNetns.make();
  await TestNetns.cable(outside, pod, ["v0", "eth0"], ["169.254.1.1/32", "10.65.0.7/32"], MTU);
  await outside.exec(["ip", "route", "add", "10.65.0.7/32", "dev", "v0"]);
  await outside.exec(["ip", "addr", "add", "fe80::ecee:eeff:feee:eeee/64", "dev", "v0", "nodad"]);
  await outside.exec(["ip", "route", "add", "fd65::7/128", "dev", "v0"]);
  await outside.exec(["ip", "addr", "add", "fd77::1/128", "dev", "lo"]);
  await pod.exec(["ip", "route", "add", "169.254.1.1", "dev", "eth0"]);
  await pod.exec(["ip", "route", "add", "default", "via", "169.254.1.1"]);
  await pod.exec(["ip", "addr", "add", "fd65::7/128", "dev", "eth0", "nodad"]);
  await pod.exec(["ip", "-6", "route", "add", "default", "via", "fe80::ecee:eeff:feee:eeee", "dev", "eth0"]);
  const { attachment, desired } = await desiredOf(pod);
  const applied = await applyFirst(pod, desired);
  expect(formatOperations(await difference(pod, applied), desired.table)).toEqual([]);
  await using guest = await plugged(pod, attachment.mac);
  await whileServing(pod, attachment, async () => {
    // 169.254.1.1/32 by the link itself, then everything by it (RFC 3442).
    const { address, options } = await ask(guest, attachment.mac);
    expect([address, options[1], options[121]]).toEqual(["10.65.0.7", "ffffffff", "20a9fe01010000000000a9fe0101"]);
    await guest.exec(["ip", "addr", "add", "10.65.0.7/32", "dev", "eth0"]);
    await guest.exec(["ip", "route", "add", "169.254.1.1", "dev", "eth0"]);
    await guest.exec(["ip", "route", "add", "default", "via", "169.254.1.1"]);
    await ping(guest, "169.254.1.1");
    await ping(outside, "10.65.0.7", "-I", "169.254.1.1");
    await guest.exec(["ip", "addr", "add", "fd65::7/128", "dev", "eth0", "nodad"]);
    await waitForText(() => guest.exec(["ip", "-6", "route"]), /default via fe80::/);
    await ping(guest, "fd77::1");
    await ping(outside, "fd65::7", "-I", "fd77::1");
  });
});

test("a pod link without an address: the guest is on its layer 2, nobody serves it, and nothing stands in its way", async () => {
  await using pod = await TestNetns.make();
  await using outside = await TestNetns.make();
  await outside.exec(["ip", "link", "add", "v0", "type", "veth", "peer", "name", "eth0", "netns", pod.name]);
  await outside.exec(["ip", "addr", "add", "192.0.2.1/24", "dev", "v0"]);
  for (const [netns, link] of [
    [outside, "v0"],
    [pod, "eth0"],
  ] as const)
    await netns.exec(["ip", "link", "set", link, "up"]);
  const { attachment, desired } = await desiredOf(pod);
  expect(bridge.plan(attachment).services).toBeUndefined();
  expect(desired.table.serverGuard).toBeUndefined();
  expect(desired.plan.sysctls?.map(({ key }) => key)).not.toContain("net.ipv4.conf.all.arp_ignore");
  await applyNetwork(pod.exec, await difference(pod, desired));
  await using guest = await plugged(pod, attachment.mac);
  await guest.exec(["ip", "addr", "add", "192.0.2.9/24", "dev", "eth0"]);
  await ping(guest, "192.0.2.1");
  await ping(outside, "192.0.2.9");
});

test("a plan may take over its own pod link alone, and show what that link had", () => {
  const attachment = anAttachment({ names: NAMES, mac: "02:00:00:00:aa:01" });
  const plan = bridge.plan(attachment);
  expect(authorize(plan, { attachment, grants: STANDARD_GRANTS })).toEqual(plan);
  const links = plan.network?.links ?? [];
  const changed = (at: number, change: object): (() => unknown) => {
    const altered = links.map((link, place) => (place === at ? { ...link, ...change } : link));
    return () =>
      authorize({ ...plan, network: { links: altered } } as typeof plan, { attachment, grants: STANDARD_GRANTS });
  };
  for (const [at, change] of [
    [1, { name: "eth1-nic" }],
    [1, { bridge: "cni0" }],
    [3, { mac: "02:00:00:00:aa:02" }],
    [3, { addresses: [{ address: "10.244.0.9", prefix: 24 }] }],
    [3, { name: "eth1" }],
  ] as const)
    expect(changed(at, change), JSON.stringify(change)).toThrow(
      expect.objectContaining({ code: "PLAN_OUT_OF_BOUNDS" }) as Error,
    );
  const elsewhere = { ...plan.services?.[0], client: { mac: attachment.mac, address: "10.244.0.3", prefix: 24 } };
  expect(() =>
    authorize({ ...plan, services: [elsewhere] } as typeof plan, { attachment, grants: STANDARD_GRANTS }),
  ).toThrow("is in no network");
});
