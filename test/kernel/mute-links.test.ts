/** A pod that a migration makes says nothing with the MAC address of a guest that is elsewhere still. */
import { unmuteLinks, muteLinks } from "@netbind/engine";
import { applyNetwork } from "@netbind/netns";
import { expect, test } from "vitest";
import { Sniffer } from "../support/peers/frames.ts";
import { TestNetns } from "../support/netns/netns.ts";

const MAC = "02:00:00:00:00:99";

/** The frames that a bridge sees of a pod whose link comes up with an address, as a CNI plugin makes it; and of its ping then. */
async function framesOf(silent: boolean): Promise<readonly [number, number]> {
  await using node = await TestNetns.make();
  await using pod = await TestNetns.make();
  await node.exec(["ip", "link", "add", "br0", "up", "type", "bridge"]);
  if (silent) await applyNetwork(pod.exec, muteLinks(["net1", "eth0"]));
  await pod.exec(["sysctl", "-q", "-w", "net.ipv4.conf.default.arp_notify=1"]);
  const frames = async (what: () => Promise<unknown>): Promise<number> => {
    await using sniffer = await Sniffer.on(node.path, "br0");
    await what();
    await new Promise((resolve) => setTimeout(resolve, 1200));
    return (await sniffer.frames()).filter(({ source }) => source === MAC).length;
  };
  const born = await frames(async () => {
    const veth = ["type", "veth", "peer", "name", "port", "netns", node.name];
    await pod.exec(["ip", "link", "add", "eth0", "address", MAC, ...veth]);
    await node.exec(["ip", "link", "set", "port", "master", "br0", "up"]);
    await pod.exec(["ip", "addr", "add", "10.9.0.2/24", "dev", "eth0"]);
    await pod.exec(["ip", "link", "set", "eth0", "up"]);
    await pod.exec(["ping", "-c", "1", "-W", "1", "10.9.0.1"]).catch(() => undefined);
    // What a link says when it goes: that it leaves its groups.
    await pod.exec(["ip", "link", "set", "eth0", "down"]);
  });
  await applyNetwork(pod.exec, unmuteLinks());
  const freed = await frames(async () => {
    await pod.exec(["ip", "link", "set", "eth0", "up"]);
    await pod.exec(["ping", "-c", "1", "-W", "1", "10.9.0.1"]).catch(() => undefined);
  });
  return [born, freed];
}

test("no frame leaves a silent pod by the link that has its guest's MAC address; without silence, and once it ends, frames do", async () => {
  const [[born, freed], [loud]] = await Promise.all([framesOf(true), framesOf(false)]);
  expect(born).toBe(0);
  expect(freed).toBeGreaterThan(0);
  expect(loud).toBeGreaterThan(0);
});
