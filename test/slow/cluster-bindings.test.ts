/** The journeys of VMs with each binding that has a sidecar, and with networks of multus, on one cluster. */
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  expectPage,
  type Journey,
  logOnFailure,
  podNic,
  PORT,
  proveEnd,
  proveJourney,
  proveTraffic,
  serveIn,
  vmWith,
} from "../support/cluster/journey.ts";
import { proveMacvtap } from "../support/cluster/macvtap-journey.ts";
import { ipam, network } from "../support/cluster/networks.ts";
import { CLIENT, httpGet, inClient, makeClient } from "../support/cluster/services.ts";
import { VmCluster } from "../support/cluster/vm-cluster.ts";
import type { PodObject } from "../support/cluster/vm-objects.ts";

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

test("slirp on a cluster: its guest reaches another pod by IPv6, as QEMU gives it to the guest, and IPv6 does not come in", async () => {
  logOnFailure(cluster, "out");
  await makeClient(cluster.api);
  const pod = await cluster.api.request<PodObject>({ path: `/api/v1/namespaces/default/pods/${CLIENT.name}` });
  const outside = pod.status.podIPs?.map(({ ip }) => ip).find((ip) => ip.includes(":"));
  await inClient(
    cluster.api,
    `mkdir -p /tmp/www; echo from-outside >/tmp/www/index.html; httpd -p [::]:${PORT} -h /tmp/www`,
  );
  const vm = await cluster.start(vmWith("out", [podNic("slirp")]));
  const { guest, scheduled } = vm;
  // QEMU's router says so some moments after the link is up.
  await expect.poll(() => guest.inGuest("ip -6 -o addr show eth0"), { timeout: 30_000 }).toContain(" fec0::");
  const asked = `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 5 ${outside} ${PORT}`;
  await expect.poll(() => guest.inGuest(asked), { timeout: 30_000 }).toContain("from-outside");
  const page = await serveIn(vm);
  const [ipv4 = "", ipv6 = ""] = scheduled.pod.status.podIPs?.map(({ ip }) => ip) ?? [];
  await expectPage(cluster, page, ipv4);
  expect(await httpGet(cluster.api, ipv6, PORT).catch(() => "refused")).not.toContain(page);
  await proveEnd(cluster, vm);
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

test("macvtap on a network of multus, from its device plugin to the guest: a neighbor on the same link reaches it", () =>
  proveMacvtap(cluster));
