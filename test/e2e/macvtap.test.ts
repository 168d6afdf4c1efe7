/**
 * One guest on the machine's own link by macvtap, and by bindings that are registered as data alone: tap and managedTap. A
 * namespace plays the machine, with a cable to somebody outside.
 */
import { existsSync } from "node:fs";
import { ensureImage, findVm, type LocalPodRecord, netnsPath, stateDirectories, type VmStatus } from "@netbind/local";
import { inNetns, exec } from "@netbind/netns";
import { expect, test } from "vitest";
import { guestNics } from "../support/guest/guest-nics.ts";
import { datagramsIn, useLab } from "../support/guest/lab.ts";
import { proved } from "../support/cases/matrix.ts";
import { netbind, type Outcome } from "../support/guest/netbind.ts";
import { TestNetns } from "../support/netns/netns.ts";
import { documents, kubevirt, multus, nad, vm } from "../support/kube/objects.ts";
import { Outside, OUTSIDE_PORTS } from "../support/peers/outside.ts";
import { shutDown } from "../support/guest/shut-down.ts";

const lab = useLab();
const RESOURCE = "macvtap.network.kubevirt.io/dataplane";
const MAC = { lan: "02:00:00:00:aa:0a", raw: "02:00:00:00:aa:0b" };
const NETWORKS = [
  nad("main", {
    type: "bridge",
    bridge: "br1",
    isGateway: true,
    ipam: { type: "host-local", subnet: "10.250.250.0/24" },
  }),
  nad("macvtapnetwork", { type: "macvtap", mtu: 1440 }, RESOURCE),
  nad("plain", { type: "bridge", bridge: "br2", mtu: 1430 }),
  {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "macvtap-deviceplugin-config" },
    data: {
      DP_MACVTAP_CONF: JSON.stringify([{ name: "dataplane", lowerDevice: "phys0", mode: "bridge", capacity: 2 }]),
    },
  },
  kubevirt({ raw: { domainAttachmentType: "tap" }, managed: { domainAttachmentType: "managedTap" } }),
];
const TAPPED = documents(
  vm("tapped", {
    cores: 2,
    networkInterfaceMultiqueue: true,
    interfaces: [
      { name: "lan", macvtap: {}, macAddress: MAC.lan },
      { name: "main", bridge: {} },
      { name: "raw", binding: { name: "raw" }, macAddress: MAC.raw },
      { name: "managed", binding: { name: "managed" } },
    ],
    networks: [
      multus("main", "main", true),
      multus("lan", "macvtapnetwork"),
      multus("raw", "default/macvtapnetwork"),
      multus("managed", "plain"),
    ],
  }),
  ...NETWORKS,
);

/** Traffic between a guest that serves pages and somebody on its network: in, out, and by ICMP. */
async function exchange(
  binding: "macvtap" | "tap" | "managedTap",
  outside: Outside,
  { guest, peer }: { readonly guest: string; readonly peer: string },
): Promise<void> {
  expect((await outside.fetch(`http://${guest}/`)).trim()).toBe("n0nce");
  await outside.run(["ping", "-n", "-q", "-c", "1", "-W", "5", guest]);
  const byUdp = `syslogd -R ${peer}:${OUTSIDE_PORTS.udp}; sleep 1; logger udp-${binding}; sleep 1; killall syslogd`;
  await lab.inGuest("tapped", `echo by-${binding} | nc -w 3 ${peer} ${OUTSIDE_PORTS.tcp}; ${byUdp}`);
  expect((await outside.sees("tcp", `by-${binding}`)).address).toBe(guest);
  expect((await outside.sees("udp", `udp-${binding}`)).address).toBe(guest);
  const before = await datagramsIn(lab, "tapped");
  await outside.sendUdp(guest, 5353, "in-udp");
  expect(await datagramsIn(lab, "tapped")).toBeGreaterThan(before);
  proved(binding, "TCP in", "TCP out", "UDP in", "UDP out", "ICMP");
}

type Call = (args: readonly string[], stdin?: string) => Promise<Outcome>;
type Nics = VmStatus["nics"];

async function startTapped(call: Call): Promise<{ readonly nics: Nics; readonly record: LocalPodRecord }> {
  const started = await call(["run", "-f", "-", "--keep", "-o", "json"], TAPPED);
  expect(started.code, started.stderr).toBe(0);
  expect(started.stderr).toContain("macvtap is read as binding: {name: macvtap}");
  const { nics } = JSON.parse(started.stdout) as VmStatus;
  const record = findVm(lab.state, "tapped");
  expect(nics).toMatchObject([
    { name: "lan", binding: "macvtap", mac: MAC.lan, mtu: 1440, podAddresses: [] },
    { name: "main", binding: "bridge", podAddresses: ["10.250.250.2"], guestAddresses: ["10.250.250.2"] },
    { name: "raw", binding: "raw", mac: MAC.raw, mtu: 1440 },
    { name: "managed", binding: "managed", mac: record.nics["managed"]?.podLink?.mac },
  ]);
  // The network that stands in for the pod's is eth0, and there is no other; data-only bindings have no sidecar.
  expect(record.attachments.map(({ ifname }) => ifname)[0]).toBe("eth0");
  const roles = record.processes.map(({ role }) => role);
  expect(roles.filter((role) => role.startsWith("sidecar")).sort()).toEqual(["sidecar bridge", "sidecar macvtap"]);
  expect(roles.filter((role) => role.startsWith("dhcp4"))).toEqual(["dhcp4 k6t-eth0"]);
  return { nics, record };
}

/** Two devices of the two that there are, each a file of the VM's user in its launcher alone. */
async function expectDevices(call: Call, record: LocalPodRecord): Promise<void> {
  expect(record.attachments.flatMap(({ device }) => device?.id ?? [])).toEqual(["mvtap0", "mvtap1"]);
  const launcher = record.processes.find(({ role }) => role === "launcher")?.processes.at(-1)?.pid;
  const files = await exec([
    "nsenter",
    "--target",
    String(launcher),
    "--mount",
    "--",
    "sh",
    "-c",
    "stat -c '%U %u %a %t:%T' /dev/tap*",
  ]);
  expect(new Set(files.trim().split("\n")).size).toBe(2);
  for (const line of files.trim().split("\n")) expect(line).toContain(` ${record.vmUid} 600 `);
  const more = documents(
    vm("more", {
      interfaces: [{ name: "lan", binding: { name: "macvtap" } }],
      networks: [multus("lan", "macvtapnetwork")],
    }),
    ...NETWORKS,
  );
  expect(await call(["run", "-f", "-"], more)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`all 2 devices of ${RESOURCE} are taken`),
  });
}

/** The guest's links have what the network's have, and get addresses; the guest serves a page. */
async function prepareGuest(nics: Nics, record: LocalPodRecord): Promise<void> {
  const found = await guestNics(lab, "tapped");
  const name = (mac: string | undefined): string =>
    found.get(mac ?? "")?.name ?? expect.fail(`the guest has no NIC ${mac}`);
  expect([MAC.lan, MAC.raw, nics[3]?.mac ?? ""].map((mac) => found.get(mac)?.mtu)).toEqual([1440, 1440, 1430]);
  expect([...found.values()].map(({ rxQueues }) => rxQueues)).toEqual([2, 2, 2, 2]);
  for (const nic of nics) expect(record.domainXml?.split(`ua-${nic.name}`).length, nic.name).toBe(2);
  for (const binding of ["macvtap", "tap", "managedTap"] as const) proved(binding, "queues", "second define");
  await lab.inGuest(
    "tapped",
    // Two NICs on one network: each answers for its own address alone.
    `echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore; echo 2 > /proc/sys/net/ipv4/conf/all/arp_announce
ip addr add 10.254.0.2/24 dev ${name(MAC.lan)}; ip addr add 10.254.1.2/24 dev ${name(MAC.raw)}
ip addr add 10.252.0.2/24 dev ${name(nics[3]?.mac)}; ip addr add fd52::2/64 dev ${name(nics[3]?.mac)}
mkdir -p /www; echo n0nce > /www/index.html; httpd -p 80 -h /www`,
  );
}

/** With somebody outside the machine, on the network of the machine's own link. */
async function expectTrafficOnLan(lan: TestNetns): Promise<void> {
  await lan.exec(["ip", "addr", "add", "10.254.1.1/24", "dev", "lan0"]);
  using outside = await Outside.start(lan.path);
  await exchange("macvtap", outside, { guest: "10.254.0.2", peer: "10.254.0.1" });
  await exchange("tap", outside, { guest: "10.254.1.2", peer: "10.254.1.1" });
  const neighbors = await lan.exec(["ip", "neigh", "show", "10.254.0.2"]);
  expect(neighbors).toContain(MAC.lan);
  expect(await lan.exec(["ip", "neigh", "show", "10.254.1.2"])).toContain(MAC.raw);
  for (const binding of ["macvtap", "tap"] as const) proved(binding, "MAC", "MTU");
}

/** With the node, on the bridge's network, and on the network that stands in for the pod's. */
async function expectTrafficOnBridges(managedMac: string): Promise<void> {
  const onNode = inNetns(netnsPath(lab.state.nodeNetns), exec);
  await onNode(["ip", "addr", "add", "10.252.0.1/24", "dev", "br2"]);
  await onNode(["ip", "addr", "add", "fd52::1/64", "dev", "br2", "nodad"]);
  using outside = await Outside.start(netnsPath(lab.state.nodeNetns));
  await exchange("managedTap", outside, { guest: "10.252.0.2", peer: "10.252.0.1" });
  expect(await onNode(["ip", "neigh", "show", "10.252.0.2"])).toContain(managedMac);
  expect((await outside.fetch("http://[fd52::2]/")).trim()).toBe("n0nce");
  await lab.inGuest("tapped", `echo by6 | nc -w 3 fd52::1 ${OUTSIDE_PORTS.tcp}`);
  expect((await outside.sees("tcp", "by6")).address).toBe("fd52::2");
  proved("managedTap", "MAC", "MTU", "IPv6");
  expect((await outside.fetch("http://10.250.250.2/")).trim()).toBe("n0nce");
}

async function expectShutdown(lan: TestNetns): Promise<void> {
  await shutDown(lab.state, "tapped", "macvtap");
  using outside = await Outside.start(lan.path);
  expect((await outside.fetch("http://10.254.0.2/")).trim()).toBe("n0nce");
  proved("macvtap", "Shutdown");
}

test("a guest is on the node's own network by macvtap and by a registered tap, and on a bridge by managedTap", {
  timeout: 300_000,
}, async () => {
  await ensureImage(exec, stateDirectories(process.env).cache, () => undefined);
  await using machine = await TestNetns.make();
  await using lan = await TestNetns.make();
  await TestNetns.cable(machine, lan, ["phys0", "lan0"], ["10.254.0.9/24", "10.254.0.1/24"], 1500);
  const call: Call = (args, stdin = "") => netbind(args, { env: lab.env, stdin, netns: machine.path });

  const { nics, record } = await startTapped(call);
  await expectDevices(call, record);
  await prepareGuest(nics, record);
  await expectTrafficOnLan(lan);
  await expectTrafficOnBridges(nics[3]?.mac ?? "none");
  expect(JSON.parse((await call(["status", "tapped", "-o", "json"])).stdout)).toMatchObject({
    nics: expect.arrayContaining([
      expect.objectContaining({ name: "lan", traffic: { fromGuest: true, toGuest: true } }),
    ]),
  });
  expect(await call(["check"])).toMatchObject({ code: 0 });
  await expectShutdown(lan);
  expect(await call(["stop", "tapped"])).toMatchObject({ code: 0 });
  expect([record.netns, lab.state.nodeNetns].filter((name) => existsSync(netnsPath(name)))).toEqual([]);
  expect(await machine.exec(["ip", "-br", "link"])).not.toContain("macvtap");
  for (const binding of ["macvtap", "tap", "managedTap"] as const) proved(binding, "teardown");
});
