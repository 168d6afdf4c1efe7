/** The journeys of VMs with each binding that has a sidecar, and with networks of multus, on one cluster. */
import { readdirSync } from "node:fs";
import type { NetworkAttachmentDefinition } from "@netbind/kubevirt";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  expectPage,
  type Journey,
  logOnFailure,
  podNic,
  proveEnd,
  proveJourney,
  proveTraffic,
  serveIn,
  vmWith,
} from "../support/cluster/journey.ts";
import { inClient, makeClient } from "../support/cluster/services.ts";
import { startDevicePlugin } from "../support/cluster/virt-handler.ts";
import { VmCluster } from "../support/cluster/vm-cluster.ts";

let cluster: VmCluster;
beforeAll(async () => {
  const bindings = ["bridge", "masquerade", "passt", "slirp"] as const;
  cluster = await VmCluster.up({ purpose: "bindings", bindings, nodes: 1, multus: true });
});
afterAll(() => cluster[Symbol.asyncDispose]());

test.each<Journey>([
  // The guest has the pod's IPv4 address alone.
  { binding: "bridge", address: (pod) => `${pod}/24`, families: ["IPv4"] },
  { binding: "passt", address: (pod) => `${pod}/24`, families: ["IPv4", "IPv6"] },
  { binding: "slirp", address: () => "10.0.2.15/24", families: ["IPv4"], isUnseen: true },
])("$binding on a cluster: a VM's pod, its guest, traffic through a Service, and nothing left", (journey) =>
  proveJourney(cluster, journey),
);

const ipam = (...subnets: readonly string[]): object => ({
  type: "host-local",
  dataDir: "/run/cni-ipam",
  ranges: subnets.map((subnet) => [{ subnet }]),
});
const network = (name: string, config: object, annotations = {}): NetworkAttachmentDefinition => ({
  metadata: { name, namespace: "default", annotations },
  spec: { config: JSON.stringify({ cniVersion: "0.3.1", name, ...config }) },
});

test("bridge on a network of multus beside masquerade on the pod's: the guest has both, and a neighbor reaches it", async () => {
  const client = { name: "neighbor", network: "blue" };
  const blue = { name: "blue", binding: { name: "bridge" } };
  logOnFailure(cluster, "two");
  await cluster.addNetwork(
    network("blue", { type: "bridge", bridge: "blue0", ipam: ipam("10.99.0.0/24", "fd99::/64") }),
  );
  await makeClient(cluster.api, client);
  const vm = await cluster.start(vmWith("two", [podNic("masquerade"), [blue, { multus: { networkName: "blue" } }]]));
  const { status } = await vm.scheduled.objects.vmi();
  expect(status?.interfaces?.[1]).toMatchObject({
    ...{ name: "blue", podInterfaceName: "pod16477688c0e", infoSource: "domain, multus-status" },
  });
  expect(await vm.guest.inGuest("ip -4 -o addr show eth0")).toContain("10.0.2.2/24");
  const [, address = ""] = /inet (10\.99\.0\.\d+)\/24/.exec(await vm.guest.inGuest("ip -4 -o addr show eth1")) ?? [];
  await proveTraffic(cluster, vm, ["IPv4", "IPv6"]);
  await expectPage(cluster, "from-two", address, client);
  // No server of the binding's gives IPv6 addresses: the network's routers do, or an administrator.
  await vm.guest.inGuest("ip -6 addr add fd99::c8/64 dev eth1");
  await expectPage(cluster, "from-two", "fd99::c8", client);
  await proveEnd(cluster, vm);
});

test("macvtap on a network of multus, from its device plugin to the guest: a neighbor on the same link reaches it", async () => {
  const [lower, address, ipv6] = ["lower0", "10.98.0.200", "fd98::c8"];
  const client = { name: "on-lower", network: "lan" };
  const resource = `macvtap.network.kubevirt.io/${lower}`;
  const node = cluster.node("node1");
  const links = (): readonly string[] =>
    readdirSync(node.path("/sys/class/net")).filter((name) => /^lower0v/.test(name));
  logOnFailure(cluster, "direct");
  await node.exec(["ip", "link", "add", lower, "up", "type", "veth", "peer", "name", "lower0-peer"]);
  await node.exec(["ip", "link", "set", "lower0-peer", "up"]);
  await startDevicePlugin(cluster.api, 1, node, ["macvtap-main.ts", resource, lower]);
  await cluster.addNetwork(
    network("lan", { type: "macvlan", master: lower, mode: "bridge", ipam: ipam("10.98.0.0/24", "fd98::/64") }),
  );
  const annotations = { "k8s.v1.cni.cncf.io/resourceName": resource };
  await cluster.addNetwork(network("direct", { type: "macvtap" }, annotations));
  await makeClient(cluster.api, client);
  const nic = { name: "direct", binding: { name: "macvtap" } };
  const vm = await cluster.start(vmWith("direct", [[nic, { multus: { networkName: "direct" } }]]));
  const { status } = await vm.scheduled.objects.vmi();
  // No plugin of this network gives addresses.
  await vm.guest.inGuest(`ip addr add ${address}/24 dev eth0; ip -6 addr add ${ipv6}/64 dev eth0; ip link set eth0 up`);
  expect(await vm.guest.inGuest("cat /sys/class/net/eth0/address")).toContain(status?.interfaces?.[0]?.mac);
  const page = await serveIn(vm);
  await expectPage(cluster, page, address, client);
  // No guest's list of multicast addresses reaches its macvtap, so that nobody finds a guest that has said nothing yet.
  const shown = await inClient(cluster.api, "ip -6 -o addr show dev net1 scope global", client);
  const [neighbor = ""] = /fd98::[0-9a-f]+/.exec(shown) ?? [];
  expect(await vm.guest.inGuest(`ping -c 3 ${neighbor}`)).toContain("3 packets received");
  await expectPage(cluster, page, ipv6, client);
  await cluster.delete(vm);
  expect(links()).toEqual([]);
});
