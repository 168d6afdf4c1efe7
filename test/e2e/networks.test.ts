/** One guest with many NICs of several bindings, on networks that real CNI plugins made from their definitions. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { domainNics } from "@netbind/domain";
import { taggedDevices } from "@netbind/kubevirt";
import { findVm, type LocalPodRecord, netnsPath, type VmStatus } from "@netbind/local";
import { inNetns, exec } from "@netbind/netns";
import { expect, test } from "vitest";
import { type GuestNic, guestNics } from "../support/guest/guest-nics.ts";
import { useLab } from "../support/guest/lab.ts";
import { proved } from "../support/cases/matrix.ts";
import { netbind } from "../support/guest/netbind.ts";
import { documents, kubevirt, multus, nad, vm } from "../support/kube/objects.ts";
import { Outside, OUTSIDE_PORTS } from "../support/peers/outside.ts";
import { liveXml } from "../support/guest/live-xml.ts";

const lab = useLab();
const MAC = {
  blue: "02:00:00:00:00:b1",
  routed: "02:00:00:00:00:b3",
  down: "02:00:00:00:00:b4",
  spoofer: "02:00:00:00:00:66",
};
const POD_MTU = { pod: 1450, blue: 1400, plain: 1380 };
const hostLocal = (subnet: string): object => ({ type: "host-local", subnet });

const OBJECTS = documents(
  vm("many", {
    cores: 2,
    networkInterfaceMultiqueue: true,
    script: "mkdir -p /www; echo n0nce > /www/index.html; httpd -p 80 -h /www",
    interfaces: [
      { name: "blue", bridge: {}, macAddress: MAC.blue, pciAddress: "0000:09:00.0", acpiIndex: 7, tag: "front" },
      { name: "default", masquerade: {} },
      { name: "plain", binding: { name: "bridge" } },
      { name: "routed", bridge: {}, macAddress: MAC.routed },
      { name: "down", bridge: {}, macAddress: MAC.down, state: "down" },
    ],
    networks: [
      { name: "default", pod: {} },
      multus("down", "default/plain"),
      multus("routed", "ptp-mac"),
      multus("plain"),
      multus("blue"),
    ],
  }),
  nad("blue", {
    type: "bridge",
    bridge: "br-blue",
    mtu: POD_MTU.blue,
    isGateway: true,
    ipam: hostLocal("10.251.0.0/24"),
  }),
  nad("plain", {
    type: "bridge",
    bridge: "br-plain",
    mtu: POD_MTU.plain,
    disableContainerInterface: true,
    macspoofchk: true,
  }),
  nad("ptp-mac", { plugins: [{ type: "ptp", ipam: hostLocal("10.1.1.0/24") }, { type: "tuning" }] }),
);

/** A DHCP client that takes the address and nothing else: what of the MTU it has then is the device's own. */
const IGNORANT = `printf '#!/bin/sh\\n[ "$1" = bound ] && ip -4 addr flush dev $interface && ip addr add $ip/$mask dev $interface; exit 0\\n' > /tmp/ignorant; chmod 755 /tmp/ignorant`;

/** The VM with many NICs, as it runs. */
interface Many {
  readonly record: LocalPodRecord;
  /** What `run` reported of each NIC, by its name. */
  readonly nics: ReadonlyMap<string, VmStatus["nics"][number]>;
}

async function startMany(): Promise<Many> {
  const podNetwork = join(lab.directory, "pods.conflist");
  const pods = { type: "bridge", bridge: "cni0", isGateway: true, mtu: POD_MTU.pod };
  writeFileSync(
    podNetwork,
    JSON.stringify({
      cniVersion: "1.0.0",
      name: "pods",
      ...pods,
      ipam: { ...hostLocal("10.244.0.0/24"), routes: [{ dst: "0.0.0.0/0" }] },
    }),
  );
  const { nics } = await lab.start(OBJECTS, "--pod-network", podNetwork, "--wait", "240");
  return { record: findVm(lab.state, "many"), nics: new Map(nics.map((nic) => [nic.name, nic])) };
}

/** The order and the names of the guide: the primary network first, then by interface; the MAC asked for by argument. */
function expectAttached({ record, nics }: Many): void {
  expect(record.attachments.map(({ network, ifname, mac }) => [network, ifname, mac])).toEqual([
    ["default", "eth0", undefined],
    ["blue", "pod16477688c0e", MAC.blue],
    ["plain", "poda116c9ed46d", undefined],
    ["routed", "poda45814b0202", MAC.routed],
    ["down", expect.stringMatching(/^pod[0-9a-f]{11}$/), MAC.down],
  ]);
  // The plugin that takes no MAC gets it by tuning: the pod's link had it before anything was changed.
  expect(record.nics["routed"]?.podLink?.mac).toBe(MAC.routed);
  const sidecars = record.processes.map(({ role }) => role).filter((role) => role.startsWith("sidecar"));
  // Which comes first is different each time, as on a cluster.
  expect(sidecars.sort()).toEqual(["sidecar bridge", "sidecar masquerade"]);
  expect(nics.get("blue")).toMatchObject({
    binding: "bridge",
    mac: MAC.blue,
    guestAddresses: ["10.251.0.2"],
    mtu: POD_MTU.blue,
    queueCount: 2,
  });
  expect(nics.get("default")).toMatchObject({
    binding: "masquerade",
    guestAddresses: ["10.0.2.2"],
    mtu: POD_MTU.pod,
    queueCount: 2,
  });
  expect(nics.get("routed")).toMatchObject({ mac: MAC.routed, guestAddresses: ["10.1.1.2"] });
  expect(nics.get("down")).toMatchObject({ guestAddresses: [], plannedAddresses: 0 });
}

/** NICs as the guest has them. */
interface Inside {
  readonly blue: GuestNic;
  readonly masqueraded: GuestNic;
  readonly plain: GuestNic;
  readonly down: GuestNic;
}

async function lookInside({ nics }: Many): Promise<Inside> {
  const found = await guestNics(lab, "many");
  const nicOf = (mac: string | undefined): GuestNic =>
    found.get(mac ?? "") ?? expect.fail(`the guest has no NIC ${mac}: ${[...found.keys()].join(", ")}`);
  return {
    blue: nicOf(MAC.blue),
    masqueraded: nicOf(nics.get("default")?.mac),
    plain: nicOf(nics.get("plain")?.mac),
    down: nicOf(MAC.down),
  };
}

/** MTU, the virtio row: the device has it by itself, and DHCP says it too where there is DHCP. */
async function expectMtus({ blue, masqueraded, plain }: Inside): Promise<void> {
  expect([blue.mtu, masqueraded.mtu, plain.mtu]).toEqual([POD_MTU.blue, POD_MTU.pod, POD_MTU.plain]);
  expect(await lab.inGuest("many", `cat /run/lease.${blue.name} /run/lease.${masqueraded.name}`)).toMatch(
    /mtu=1400[\s\S]*mtu=1450/,
  );
  expect(await lab.inGuest("many", `test -e /run/lease.${plain.name} || echo no lease`)).toContain("no lease");
  const fresh = await lab.inGuest(
    "many",
    `${IGNORANT}; d=$(basename $(readlink -f /sys/class/net/${blue.name}/device)); cd /sys/bus/virtio/drivers/virtio_net
kill $(cat /run/udhcpc.${blue.name}) 2>/dev/null; echo $d > unbind; echo $d > bind; cd /; sleep 1; ip link set ${blue.name} up
udhcpc -i ${blue.name} -n -q -t 20 -T 1 -s /tmp/ignorant > /dev/null 2>&1; cat /sys/class/net/${blue.name}/mtu; ip -4 addr show ${blue.name}`,
  );
  expect(fresh).toMatch(new RegExp(`${POD_MTU.blue}\\n[\\s\\S]*10\\.251\\.0\\.2/24`));
}

/** Queues: as many as processors, in the guest, the domain and the tap. */
async function expectQueues({ record }: Many, { blue, masqueraded, plain }: Inside): Promise<void> {
  for (const nic of [blue, masqueraded, plain]) expect(nic).toMatchObject({ rxQueues: 2, driver: "virtio_net" });
  expect((await liveXml(record)).match(/<driver name='qemu' queues='2'/g)).toHaveLength(5);
  expect(await exec(["ip", "netns", "exec", record.netns, "ls", "/sys/class/net/tap0/queues"])).toContain("rx-1");
  proved("bridge", "queues");
  proved("masquerade", "queues");
}

/** Fields: where the device is, what it is called, and whether it is plugged in. */
async function expectFields({ record }: Many, { blue, down }: Inside): Promise<void> {
  const xml = await liveXml(record);
  expect(blue).toMatchObject({ pci: "0000:09:00.0", acpiIndex: "7" });
  expect(down.carrier).not.toBe("1");
  expect(domainNics(xml).find(({ name }) => name === "down")?.linkDown).toBe(true);
  expect(taggedDevices(record.vmi, xml)).toEqual([
    { type: "nic", bus: "pci", address: blue.pci, mac: MAC.blue, tags: ["front"] },
  ]);
}

/** Traffic by each way, in and out. */
async function expectTraffic({ nics }: Many, outside: Outside): Promise<void> {
  for (const address of ["10.251.0.2", "10.1.1.2", nics.get("default")?.podAddresses[0]])
    expect((await outside.fetch(`http://${address}/`)).trim(), address).toBe("n0nce");
  await lab.inGuest("many", `echo by-blue | nc -w 3 10.251.0.1 ${OUTSIDE_PORTS.tcp}`);
  expect((await outside.sees("tcp", "by-blue")).address).toBe("10.251.0.2");
}

/** The MAC-spoof check of the network's definition: the NIC's own address passes, another one does not, and its own does again. */
async function expectSpoofCheck({ nics }: Many, { plain }: Inside): Promise<void> {
  const own = nics.get("plain")?.mac ?? "";
  const node = inNetns(netnsPath(lab.state.nodeNetns), exec);
  await node(["ip", "addr", "add", "10.252.0.1/24", "dev", "br-plain"]);
  const ping = async (mac: string): Promise<string> =>
    lab.inGuest(
      "many",
      `ip link set ${plain.name} down; ip link set ${plain.name} address ${mac}; ip link set ${plain.name} up; ip addr replace 10.252.0.2/24 dev ${plain.name}
sleep 1; ping -c 3 -W 1 10.252.0.1 > /dev/null && echo passes || echo dropped`,
    );
  expect(await ping(own)).toContain("passes");
  expect(await ping(MAC.spoofer)).toContain("dropped");
  expect(await node(["bridge", "fdb", "show", "br", "br-plain"])).not.toContain(MAC.spoofer);
  expect(await ping(own)).toContain("passes");
  proved("bridge", "spoof");
}

/** Damage to a NIC on a secondary network, and to one of its services. */
async function expectRepaired({ record }: Many, outside: Outside): Promise<void> {
  expect(await netbind(["check"], { env: lab.env })).toMatchObject({ code: 0 });
  await inNetns(netnsPath(record.netns), exec)(["ip", "link", "set", "tap16477688c0e", "nomaster"]);
  const server = record.processes.find(({ role }) => role === "dhcp4 k6t-a45814b0202")?.processes.at(-1)?.pid;
  process.kill(server ?? expect.fail("the NIC routed has no DHCP server"), "SIGKILL");
  const checked = await netbind(["check"], { env: lab.env });
  expect(checked.stdout).toMatch(/NIC blue: .*tap16477688c0e[\s\S]*NIC routed: service dhcp4/);
  expect(await netbind(["apply"], { env: lab.env })).toMatchObject({ code: 0 });
  expect((await outside.fetch("http://10.251.0.2/")).trim()).toBe("n0nce");
}

test("every network is attached in order, every NIC works, and damage to one is repaired", {
  timeout: 500_000,
}, async () => {
  const many = await startMany();
  expectAttached(many);
  const inside = await lookInside(many);
  await expectMtus(inside);
  await expectQueues(many, inside);
  await expectFields(many, inside);
  using outside = await Outside.start(netnsPath(lab.state.nodeNetns));
  await expectTraffic(many, outside);
  await expectSpoofCheck(many, inside);
  await expectRepaired(many, outside);
  // What speaks from the node's namespace is of that, until it ends.
  outside[Symbol.dispose]();
  await lab.stop("many");
  expect(existsSync(lab.state.node)).toBe(false);
});

test("what is wrong with networks is reported at once, before anything starts", async () => {
  const bad = documents(
    vm("bad", {
      interfaces: [
        { name: "a", bridge: {} },
        { name: "b", bridge: {} },
        { name: "c", bridge: {} },
        { name: "d", bridge: {} },
        { name: "e", binding: { name: "macvtap" } },
        { name: "f", binding: { name: "own" } },
      ],
      networks: [multus("a"), multus("b"), multus("c"), multus("d"), multus("e"), { name: "f", pod: {} }],
    }),
    nad("b", { type: "macvlan", master: "eth0" }),
    {
      apiVersion: "k8s.cni.cncf.io/v1",
      kind: "NetworkAttachmentDefinition",
      metadata: { name: "c" },
      spec: { config: "{" },
    },
    nad("d", { plugins: [{ mtu: 1 }] }),
    nad("e", { type: "macvtap" }, "macvtap.network.kubevirt.io/dataplane"),
    kubevirt({ own: { sidecarImage: "own", networkAttachmentDefinition: "other/gone" } }),
  );
  const refused = await netbind(["run", "-f", "-", "-o", "json"], { env: lab.env, stdin: bad });
  expect(refused.code).toBe(3);
  const { violations } = (JSON.parse(refused.stdout) as { error: { violations: { field: string; problem: string }[] } })
    .error;
  expect(violations.map(({ field, problem }) => `${field}: ${problem}`)).toEqual([
    expect.stringMatching(/interfaces\[1\]\.bridge: bridge does not work on a network of the CNI plugin macvlan/),
    expect.stringMatching(
      /networks\[0\]\.multus\.networkName: no NetworkAttachmentDefinition default\/a is in the input/,
    ),
    expect.stringMatching(
      /networks\[2\]\.multus\.networkName: .*default\/c cannot be read: spec\.config is not valid JSON/,
    ),
    expect.stringMatching(/networks\[3\]\.multus\.networkName: .*plugins\[0\] has no type/),
    expect.stringMatching(/interfaces\[5\]\.binding\.name: no NetworkAttachmentDefinition other\/gone/),
  ]);
  expect(existsSync(netnsPath(lab.state.nodeNetns))).toBe(false);
});

test("what a machine lacks for networks is reported at once, before anything starts", async () => {
  const machine = documents(
    vm("bad", {
      interfaces: [
        { name: "x", bridge: {} },
        { name: "e", binding: { name: "macvtap" }, macAddress: "02:00:00:00:00:01" },
      ],
      networks: [multus("x"), multus("e")],
    }),
    nad("x", { type: "no-such-plugin", ipam: { type: "neither" } }),
    nad("e", { type: "macvtap" }, "macvtap.network.kubevirt.io/dataplane"),
  );
  const env = { ...lab.env, DP_MACVTAP_CONF: JSON.stringify([{ name: "other", lowerDevice: "eth0" }]) };
  const lacking = await netbind(["run", "-f", "-"], { env, stdin: machine });
  expect(lacking.code).toBe(3);
  for (const words of [
    'no CNI plugin "no-such-plugin"',
    'no CNI plugin "neither"',
    'no resource "macvtap.network.kubevirt.io/dataplane"',
  ])
    expect(lacking.stderr).toContain(words);
  expect(existsSync(netnsPath(lab.state.nodeNetns))).toBe(false);
});

test("a network in the pod network's place that gives no address is refused, and leaves nothing", async () => {
  const onDefault = (config: object): string =>
    documents(
      vm("bad", { interfaces: [{ name: "x", bridge: {} }], networks: [multus("x", "x", true)] }),
      nad("x", config),
    );
  const bridge = { type: "bridge", bridge: "br-x" };
  const known = await netbind(["run", "-f", "-"], { env: lab.env, stdin: onDefault(bridge) });
  expect(known).toMatchObject({ code: 3, stderr: expect.stringContaining("default/x has no ipam") });
  // What a list with a plugin of any other kind returns is seen when it is called.
  const addressless = onDefault({ plugins: [bridge, { type: "loopback" }] });
  const failed = await netbind(["run", "-f", "-"], { env: lab.env, stdin: addressless });
  expect(failed).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("replaces the pod network, and its CNI plugin returned no address"),
  });
  expect(existsSync(netnsPath(lab.state.nodeNetns))).toBe(false);
});
