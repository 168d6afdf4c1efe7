/** A VM with a macvtap on a network of multus, from its device plugin to its guest. */
import { readdirSync } from "node:fs";
import type { Vmi } from "@netbind/kubevirt";
import { expect } from "vitest";
import { expectPage, logOnFailure, serveIn, vmWith } from "./journey.ts";
import { ipam, network } from "./networks.ts";
import { inClient, makeClient } from "./services.ts";
import { startDevicePlugin } from "./virt-handler.ts";
import type { ClusterVm, VmCluster } from "./vm-cluster.ts";

const LOWER = "lower0";
const RESOURCE = `macvtap.network.kubevirt.io/${LOWER}`;
const CLIENT = { name: "on-lower", network: "lan" };

/** Makes the node's link, with what gives pods macvtaps on it, and a neighbor of theirs. */
async function prepareLink(cluster: VmCluster): Promise<void> {
  const node = cluster.node("node1");
  await node.exec(["ip", "link", "add", LOWER, "up", "type", "veth", "peer", "name", `${LOWER}-peer`]);
  await node.exec(["ip", "link", "set", `${LOWER}-peer`, "up"]);
  await startDevicePlugin(cluster.api, 1, node, ["macvtap-main.ts", RESOURCE, LOWER]);
  const lan = { type: "macvlan", master: LOWER, mode: "bridge", ipam: ipam("10.98.0.0/24", "fd98::/64") };
  await cluster.addNetwork(network("lan", lan));
  await cluster.addNetwork(network("direct", { type: "macvtap" }, RESOURCE));
  await makeClient(cluster.api, CLIENT);
}

/** Proves macvtap on a cluster. `start`: how the VM is started. */
export async function proveMacvtap(
  cluster: VmCluster,
  start: (vmi: Vmi) => Promise<ClusterVm> = (vmi) => cluster.start(vmi),
): Promise<void> {
  const [address, ipv6] = ["10.98.0.200", "fd98::c8"];
  const links = (): readonly string[] =>
    readdirSync(cluster.node("node1").path("/sys/class/net")).filter((name) => name.startsWith(`${LOWER}v`));
  logOnFailure(cluster, "direct");
  await prepareLink(cluster);
  const nic = { name: "direct", binding: { name: "macvtap" } };
  const vm = await start(vmWith("direct", [[nic, { multus: { networkName: "direct" } }]]));
  const { status } = await vm.scheduled.objects.vmi();
  // No plugin of this network gives addresses.
  await vm.guest.inGuest(`ip addr add ${address}/24 dev eth0; ip -6 addr add ${ipv6}/64 dev eth0; ip link set eth0 up`);
  expect(await vm.guest.inGuest("cat /sys/class/net/eth0/address")).toContain(status?.interfaces?.[0]?.mac);
  const page = await serveIn(vm);
  await expectPage(cluster, page, address, CLIENT);
  // No guest's list of multicast addresses reaches its macvtap, so that nobody finds a guest that has said nothing yet.
  const shown = await inClient(cluster.api, "ip -6 -o addr show dev net1 scope global", CLIENT);
  const [neighbor = ""] = /fd98::[0-9a-f]+/.exec(shown) ?? [];
  expect(await vm.guest.inGuest(`ping -c 3 ${neighbor}`)).toContain("3 packets received");
  await expectPage(cluster, page, ipv6, CLIENT);
  await cluster.delete(vm);
  expect(links()).toEqual([]);
}
