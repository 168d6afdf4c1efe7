import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Plan } from "@netbind/contract";
import { serviceProcesses } from "@netbind/engine";
import { endProcesses, type ProcessId, startService } from "@netbind/netns";
import masquerade from "@netbind/plugin-masquerade";
import { expect, test } from "vitest";
import { attachNic, plugGuest } from "../support/netns/attach-nic.ts";
import {
  arpRequest,
  dhcpDiscover,
  dhcpOffer,
  isDhcpServer,
  isRouterAdvertisement,
  routerAdvertisement,
  sendFrame,
  Sniffer,
} from "../support/peers/frames.ts";
import { TestNetns } from "../support/netns/netns.ts";
import { Outside } from "../support/peers/outside.ts";

const NAMES = { pod: "eth0", tap: "tap0", bridge: "k6t-eth0", adopted: "eth0-nic" };
const MAC = "02:11:22:33:44:55";
const FOREIGN = "02:66:66:66:66:66";

/** The memory of a server and of what is in its sandbox, in KiB. */
const residentOf = (processes: readonly ProcessId[]): number =>
  Math.max(
    ...processes.map(({ pid }) =>
      Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0),
    ),
  );

async function macOf(netns: TestNetns, link: string): Promise<string> {
  const [shown] = JSON.parse(await netns.exec(["ip", "-json", "link", "show", "dev", link])) as readonly {
    readonly address: string;
  }[];
  return shown?.address ?? "";
}

/** A node with a switch, and two pods on it with a guest each: the first one's means harm. */
interface Places {
  readonly node: TestNetns;
  readonly pod: TestNetns;
  readonly other: TestNetns;
  readonly hostile: TestNetns;
  readonly honest: TestNetns;
}

/** Joins the pods to the node's switch, and the guests to their pods; gives the servers of the first pod's plan. */
async function connect({ node, pod, other, hostile, honest }: Places): Promise<Plan["services"]> {
  await node.exec(["ip", "link", "add", "cni0", "type", "bridge"]);
  await node.exec(["ip", "addr", "add", "10.9.0.1/24", "dev", "cni0"]);
  await node.exec(["ip", "link", "set", "cni0", "up"]);
  for (const [one, port, address, address6] of [
    [pod, "v1", "10.9.0.2/24", "fd09::2/64"],
    [other, "v2", "10.9.0.3/24", "fd09::3/64"],
  ] as const) {
    await TestNetns.cable(node, one, [port, "eth0"], ["169.254.9.9/32", address], 1450);
    await node.exec(["ip", "link", "set", port, "master", "cni0"]);
    await one.exec(["ip", "addr", "add", address6, "dev", "eth0", "nodad"]);
  }
  const plan = await attachNic(pod, masquerade, { names: NAMES, mac: MAC });
  await attachNic(other, masquerade, { names: NAMES, mac: MAC });
  await plugGuest(pod, hostile, NAMES.bridge, MAC, 1450);
  await plugGuest(other, honest, NAMES.bridge, MAC, 1450);
  for (const guest of [hostile, honest]) {
    await guest.exec(["ip", "addr", "add", "10.0.2.2/24", "dev", "eth0"]);
    await guest.exec(["ip", "route", "add", "default", "via", "10.0.2.1"]);
  }
  return plan.services;
}

/** The servers of a pod, until they are disposed of. */
async function serve(pod: TestNetns, services: Plan["services"]): Promise<AsyncDisposable & { memory(): number }> {
  const directory = mkdtempSync(join(tmpdir(), "netbind-kernel-"));
  const running: ProcessId[] = [];
  const end = async (): Promise<void> => {
    await endProcesses(running);
    rmSync(directory, { recursive: true });
  };
  try {
    for (const service of serviceProcesses(services ?? []))
      await startService(service, {
        netns: pod.path,
        uid: 1_900_000_011,
        logFile: join(directory, "log"),
        started: async (processes) => void running.push(...processes),
      });
  } catch (error) {
    await end();
    throw error;
  }
  return { memory: () => residentOf(running), [Symbol.asyncDispose]: end };
}

/** Plays a DHCP server, a router and a crowd of stations; a flood goes on behind it, until `flood`. */
async function attack({ hostile }: Places): Promise<{ readonly flood: Promise<void> }> {
  const send = (frame: Buffer, count: number, randomSource = false): Promise<void> =>
    sendFrame(hostile.path, "eth0", frame, count, randomSource);
  for (const mac of [MAC, FOREIGN]) {
    await send(dhcpOffer(mac), 50);
    await send(routerAdvertisement(mac), 50);
  }
  // Frames to the node and to everybody, under a MAC that no station has.
  await send(arpRequest(FOREIGN, [10, 9, 0, 3], [10, 9, 0, 1]), 50);
  const flood = send(arpRequest(FOREIGN, [10, 0, 2, 77], [10, 0, 2, 1]), 50_000, true);
  for (let host = 3; host < 250; host++) await send(arpRequest(FOREIGN, [10, 0, 2, host], [10, 0, 2, 1]), 1, true);
  await send(dhcpDiscover(FOREIGN), 20_000, true);
  return { flood };
}

/** A guest reaches the node, by its pod's address. */
async function expectReached(guest: TestNetns, outside: Outside, text: string, from: string): Promise<void> {
  const script = `const s = require('node:net').connect(7000, '10.9.0.1', () => s.end('${text}'))`;
  await guest.exec([process.execPath, "-e", script]);
  expect((await outside.sees("tcp", text)).address).toBe(from);
}

/** On the cable between pod and node only the pod's own link and what the node sent to it is heard. */
async function expectUnheard({ node, pod, other }: Places, sniffer: Sniffer): Promise<void> {
  const frames = await sniffer.frames();
  expect(frames.length).toBeGreaterThan(5);
  const own = await macOf(pod, "eth0");
  const known = [own, await macOf(node, "cni0"), await macOf(node, "v1"), await macOf(other, "eth0")];
  expect(frames.filter(({ source }) => !known.includes(source))).toEqual([]);
  expect(frames.some(({ source }) => source === own)).toBe(true);
  expect(frames.filter(isRouterAdvertisement)).toEqual([]);
  expect(frames.filter(isDhcpServer)).toEqual([]);
  // The ear is not deaf: what a pod's own link sends is heard on the cable.
  await using control = await Sniffer.on(node.path, "v1");
  for (const frame of [dhcpOffer(FOREIGN), routerAdvertisement(FOREIGN)]) await sendFrame(other.path, "eth0", frame);
  const heard = await control.frames();
  expect([heard.some(isDhcpServer), heard.some(isRouterAdvertisement)]).toEqual([true, true]);
}

test("a guest that means harm is heard of by nobody outside its pod, and another guest's traffic goes on", async () => {
  await using node = await TestNetns.make();
  await using pod = await TestNetns.make();
  await using other = await TestNetns.make();
  await using hostile = await TestNetns.make();
  await using honest = await TestNetns.make();
  const places = { node, pod, other, hostile, honest };
  await using servers = await serve(pod, await connect(places));
  const memory = servers.memory();
  const routes = await pod.exec(["ip", "-6", "route", "show"]);
  await using sniffer = await Sniffer.on(node.path, "v1");
  using outside = await Outside.start(node.path);
  const { flood } = await attack(places);
  // Another guest on the same node goes on.
  await expectReached(honest, outside, "still here", "10.9.0.3");
  await flood;
  // So does the hostile one itself, by its own address.
  await expectReached(hostile, outside, "me too", "10.9.0.2");
  await expectUnheard(places, sniffer);
  // The pod itself took no router's word.
  expect(await pod.exec(["ip", "-6", "route", "show"])).toBe(routes);
  expect(servers.memory()).toBeLessThan(memory + 2048);
});
