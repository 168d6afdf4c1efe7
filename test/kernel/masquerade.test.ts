import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BindingError, defined, type NicSpec, type Plan } from "@netbind/contract";
import { anAttachment } from "@netbind/contract/testing";
import {
  authorize,
  countOperations,
  diffNetwork,
  nicTable,
  podLinkOf,
  serviceProcesses,
  STANDARD_GRANTS,
  desiredNetwork,
  type DesiredNetwork,
} from "@netbind/engine";
import { nicSpec, type Vmi, type VmiInterface } from "@netbind/kubevirt";
import {
  applyNetwork,
  CommandError,
  endProcesses,
  isAlive,
  observe,
  type ProcessId,
  exec,
  startService,
} from "@netbind/netns";
import masquerade from "@netbind/plugin-masquerade";
import { expect, test } from "vitest";
import { TestNetns } from "../support/netns/netns.ts";
import { Outside } from "../support/peers/outside.ts";

const GUEST_MAC = "02:11:22:33:44:55";

/** A pod with a link, and a plan for it that was observed, authorized and applied. */
async function attached(
  pod: TestNetns,
  ports: Parameters<typeof anAttachment>[0],
): Promise<{ readonly plan: Plan; readonly desired: DesiredNetwork; readonly operations: number }> {
  const link = podLinkOf(await observe(pod.exec), "eth0");
  if (link === undefined) throw new Error("the pod has no link");
  const attachment = anAttachment({ pod: link, mac: GUEST_MAC, ...ports });
  const plan = authorize(masquerade.plan(attachment), { attachment, grants: STANDARD_GRANTS });
  const desired: DesiredNetwork = {
    ...desiredNetwork(attachment.names, plan, link),
    owner: { uid: 107, gid: 107 },
    placeholderKind: "dummy",
  } as const;
  const operations = diffNetwork(desired, await observeFor(pod, desired));
  const appliedTable = await applyNetwork(pod.exec, operations, { listed: desired.table });
  return { plan, desired: { ...desired, ...defined({ appliedTable }) }, operations: countOperations(operations) };
}

const observeFor = (pod: TestNetns, desired: DesiredNetwork): ReturnType<typeof observe> =>
  observe(pod.exec, { sysctls: (desired.plan.sysctls ?? []).map(({ key }) => key), table: desired.table });

async function againstPlan(pod: TestNetns, desired: DesiredNetwork): Promise<number> {
  return countOperations(diffNetwork(desired, await observeFor(pod, desired)));
}

test("applied once it is there; applied twice nothing is done; what somebody changes is put back", async () => {
  await using pod = await TestNetns.make();
  await using outside = await TestNetns.make();
  await TestNetns.cable(outside, pod, ["v0", "eth0"], ["10.9.0.1/24", "10.9.0.2/24"], 1450);
  const { desired, operations } = await attached(pod, {
    ports: [
      { protocol: "TCP", port: 80 },
      { protocol: "UDP", port: 53 },
    ],
  });
  expect(operations).toBeGreaterThan(8);
  expect(await againstPlan(pod, desired)).toBe(0);

  const observed = await observeFor(pod, desired);
  expect(observed.links.find(({ name }) => name === "k6t-eth0")).toMatchObject({
    kind: "bridge",
    mac: "02:00:00:00:00:00",
    mtu: 1450,
    addresses: ["10.0.2.1/24"],
    up: true,
  });
  expect(observed.links.find(({ name }) => name === "tap0")).toMatchObject({
    controller: "k6t-eth0",
    mtu: 1450,
    tap: { uid: 107, gid: 107, multiQueue: false },
  });
  expect(observed.sysctls).toMatchObject({ "net.ipv4.ip_forward": "1", "net.ipv4.conf.k6t-eth0.route_localnet": "1" });

  await pod.exec(["ip", "addr", "del", "10.0.2.1/24", "dev", "k6t-eth0"]);
  await pod.exec(["sysctl", "-q", "-w", "net.ipv4.ip_forward=0"]);
  await pod.exec(["nft", "flush", "chain", "inet", desired.table.name, "prerouting"]);
  const repair = diffNetwork(desired, await observeFor(pod, desired));
  expect(repair.ip).toEqual(["addr add 10.0.2.1/24 dev k6t-eth0"]);
  expect(countOperations(repair)).toBe(3);
  await applyNetwork(pod.exec, repair);
  expect(await againstPlan(pod, desired)).toBe(0);
});

test("a pod link with an MTU that IPv6 does not run on", async () => {
  await using pod = await TestNetns.make();
  await using outside = await TestNetns.make();
  await TestNetns.cable(outside, pod, ["v0", "eth0"], ["10.9.0.1/24", "10.9.0.2/24"], 1200);
  const { desired } = await attached(pod, {});
  expect(await againstPlan(pod, desired)).toBe(0);
  expect((await observeFor(pod, desired)).links.find(({ name }) => name === "k6t-eth0")).toMatchObject({
    mtu: 1200,
    up: true,
  });
});

/** A guest without a machine: a namespace whose link is a port of the pod's bridge, as a tap is. */
async function plugGuest(pod: TestNetns, guest: TestNetns): Promise<void> {
  await pod.exec([
    "ip",
    "link",
    "add",
    "g0",
    "mtu",
    "1450",
    "type",
    "veth",
    "peer",
    "name",
    "eth0",
    "mtu",
    "1450",
    "address",
    GUEST_MAC,
    "netns",
    guest.name,
  ]);
  await pod.exec(["ip", "link", "set", "g0", "master", "k6t-eth0", "up"]);
  await guest.exec(["ip", "link", "set", "eth0", "up"]);
}

async function addressGuest(guest: TestNetns): Promise<void> {
  await guest.exec(["ip", "addr", "add", "10.0.2.2/24", "dev", "eth0"]);
  await guest.exec(["ip", "route", "add", "default", "via", "10.0.2.1"]);
}

/** Sends a text by TCP, or a datagram by UDP. */
async function send(
  from: TestNetns,
  to: string,
  port: number,
  text: string,
  protocol: "tcp" | "udp" = "tcp",
): Promise<void> {
  const script =
    protocol === "tcp"
      ? `const s = require("node:net").connect(${port}, "${to}", () => s.end("${text}")); s.on("error", () => { process.exitCode = 3; });`
      : `const s = require("node:dgram").createSocket("udp4"); s.send("${text}", ${port}, "${to}", () => s.close())`;
  await from.exec([process.execPath, "-e", script]);
}

test("listed ports reach the guest from who really sent, others are refused, and the guest leaves as the pod", async () => {
  await using pod = await TestNetns.make();
  await using outside = await TestNetns.make();
  await using guest = await TestNetns.make();
  await TestNetns.cable(outside, pod, ["v0", "eth0"], ["10.9.0.1/24", "10.9.0.2/24"], 1450);
  await attached(pod, { ports: [{ protocol: "TCP", port: 7000 }] });
  await plugGuest(pod, guest);
  await addressGuest(guest);
  using inside = await Outside.start(guest.path);
  using observed = await Outside.start(outside.path);
  await send(outside, "10.9.0.2", 7000, "from outside");
  expect((await inside.sees("tcp", "from outside")).address).toBe("10.9.0.1");
  expect(await observed.connect("10.9.0.2", 7002)).toBe("ECONNREFUSED");
  await send(guest, "10.9.0.1", 7000, "from the guest");
  expect((await observed.sees("tcp", "from the guest")).address).toBe("10.9.0.2");
  await send(guest, "10.9.0.1", 7001, "datagram", "udp");
  expect((await observed.sees("udp", "datagram")).address).toBe("10.9.0.2");
  // The pod's own loopback reaches the guest, as the gateway.
  await send(pod, "127.0.0.1", 7000, "from the pod");
  expect((await inside.sees("tcp", "from the pod")).address).toBe("10.0.2.1");
});

/** The ports of a NIC as KubeVirt's API has them, as a binding is given them. */
function portsOf(nic: Pick<VmiInterface, "ports" | "portRanges">): NicSpec["ports"] {
  const interfaces = [{ name: "red", masquerade: {}, ...nic }];
  const vmi = {
    metadata: { name: "vm", namespace: "ns" },
    spec: { domain: { devices: { interfaces } }, networks: [{ name: "red", pod: {} }] },
  };
  return nicSpec(vmi as unknown as Vmi, { name: "red", ...nic }, { name: "red", pod: {} }).ports;
}

test("portRanges: both ends of a range reach the guest, what is beside it does not, and each protocol has its own", async () => {
  const reach = async (
    portRanges: NonNullable<VmiInterface["portRanges"]>,
    says: "reached" | "refused",
  ): Promise<void> => {
    await using pod = await TestNetns.make();
    await using outside = await TestNetns.make();
    await using guest = await TestNetns.make();
    await TestNetns.cable(outside, pod, ["v0", "eth0"], ["10.9.0.1/24", "10.9.0.2/24"], 1450);
    await attached(pod, { ports: portsOf({ portRanges }) });
    await plugGuest(pod, guest);
    await addressGuest(guest);
    using inside = await Outside.start(guest.path);
    using observed = await Outside.start(outside.path);
    if (says === "refused") return expect(await observed.connect("10.9.0.2", 7000)).toBe("ECONNREFUSED");
    await send(outside, "10.9.0.2", 7000, "by TCP");
    expect((await inside.sees("tcp", "by TCP")).address).toBe("10.9.0.1");
    await send(outside, "10.9.0.2", 7001, "by UDP", "udp");
    expect((await inside.sees("udp", "by UDP")).address).toBe("10.9.0.1");
  };
  await reach(
    [
      { protocol: "TCP", start: 6990, end: 7000 },
      { protocol: "UDP", start: 7001, end: 7010 },
    ],
    "reached",
  );
  await reach(
    [
      { protocol: "TCP", start: 7000, end: 7000 },
      { protocol: "UDP", start: 6990, end: 7001 },
    ],
    "reached",
  );
  for (const range of [
    { start: 7001, end: 7010 },
    { start: 6990, end: 6999 },
  ])
    await reach([{ protocol: "TCP", ...range }], "refused");
  await reach([{ protocol: "UDP", start: 6990, end: 7010 }], "refused");
});

test("DHCP in its sandbox serves the guest and sees nothing else", async () => {
  await using pod = await TestNetns.make();
  await using outside = await TestNetns.make();
  await using guest = await TestNetns.make();
  await TestNetns.cable(outside, pod, ["v0", "eth0"], ["10.9.0.1/24", "10.9.0.2/24"], 1450);
  const { plan } = await attached(pod, {
    dhcpOptions: { bootFileName: 'a"b\\c,d', ntpServers: [], privateOptions: [] },
  });
  await plugGuest(pod, guest);
  const directory = mkdtempSync(join(tmpdir(), "netbind-kernel-"));
  const [service] = serviceProcesses(plan.services ?? []);
  if (service === undefined) throw new Error("no service is planned");
  const running: ProcessId[] = [];
  await startService(service, {
    netns: pod.path,
    uid: 1_900_000_007,
    logFile: join(directory, "log"),
    started: async (processes) => void running.push(...processes),
  });
  try {
    const inner = running.at(-1)?.pid ?? 0;
    const status = readFileSync(`/proc/${inner}/status`, "utf8");
    expect(status).toMatch(/^Uid:\t1900000007\t1900000007\t1900000007\t1900000007$/m);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    expect(status).toMatch(/^NSpid:\t\d+\t1$/m);
    for (const kind of ["user", "pid", "mnt", "ipc", "uts"])
      expect((await exec(["readlink", `/proc/${inner}/ns/${kind}`])).trim()).not.toBe(
        (await exec(["readlink", `/proc/self/ns/${kind}`])).trim(),
      );
    expect((await exec(["ls", `/proc/${inner}/root`])).split("\n").sort()).toEqual([
      "",
      "dev",
      "dnsmasq.conf",
      "lib",
      "lib64",
      "proc",
      "usr",
    ]);
    await guest.exec(["ip", "route", "add", "255.255.255.255/32", "dev", "eth0"]);
    const client = fileURLToPath(new URL("../support/peers/dhcp-client.ts", import.meta.url));
    const discovered = await guest.exec([process.execPath, client, GUEST_MAC]);
    expect(JSON.parse(discovered)).toMatchObject({
      address: "10.0.2.2",
      options: {
        26: "05aa",
        3: "0a000201",
        12: Buffer.from("vm").toString("hex"),
        67: Buffer.from('a"b\\c,d\0').toString("hex"),
      },
    });
  } finally {
    await endProcesses(running);
    rmSync(directory, { recursive: true });
  }
  expect(running.some(isAlive)).toBe(false);
});

test("a server that cannot serve says why, and is not left running", async () => {
  await using pod = await TestNetns.make();
  const directory = mkdtempSync(join(tmpdir(), "netbind-kernel-"));
  const [service] = serviceProcesses(masquerade.plan(anAttachment()).services ?? []);
  const started: ProcessId[] = [];
  const host = {
    netns: pod.path,
    uid: 1_900_000_008,
    logFile: join(directory, "log"),
    started: async (processes: readonly ProcessId[]) => void started.push(...processes),
  };
  if (service === undefined) throw new Error("no service is planned");
  await expect(startService(service, host)).rejects.toThrow(
    /did not start: it ended: dnsmasq: failed to bind DHCP server socket/,
  );
  rmSync(directory, { recursive: true });
  expect(started.length).toBeGreaterThan(0);
  expect(started.some(isAlive)).toBe(false);
});

test("a link of another kind with a planned name is refused before anything is done", async () => {
  await using pod = await TestNetns.make();
  await pod.exec(["ip", "link", "add", "k6t-eth0", "type", "veth", "peer", "name", "x"]);
  const attachment = anAttachment();
  const desired = {
    ...desiredNetwork(attachment.names, masquerade.plan(attachment), attachment.pod),
    owner: { uid: 107, gid: 107 },
    placeholderKind: "dummy",
  } as const;
  expect(() =>
    diffNetwork(desired, {
      links: [{ name: "k6t-eth0", kind: "veth", mac: "", mtu: 1, up: false, carrier: false, addresses: [] }],
      routes: [],
      sysctls: {},
    }),
  ).toThrow(BindingError);
  const observed = await observe(pod.exec, { table: nicTable("eth0") });
  expect(() => diffNetwork(desired, observed)).toThrow(/k6t-eth0.*veth/);
});

test("a child that hangs is ended at its deadline, with all that it started", async () => {
  const mark = "61.0625";
  const start = performance.now();
  await expect(exec(["sh", "-c", `sleep ${mark} & sleep ${mark}`], { deadline: 300 })).rejects.toThrow(CommandError);
  expect(performance.now() - start).toBeLessThan(10_000);
  await expect(exec(["pgrep", "-f", `^sleep ${mark}$`])).rejects.toMatchObject({ exitCode: 1 });
});
