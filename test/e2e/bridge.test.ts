/** The bridge binding with a real guest on the pod network: the guest takes the pod's place. */
import { findVm, netnsPath, type VmStatus } from "@netbind/local";
import { inNetns, exec } from "@netbind/netns";
import { expect, test } from "vitest";
import { demoVmi } from "../demo/vmi.ts";
import { datagramsIn, useLab } from "../support/guest/lab.ts";
import { proved } from "../support/cases/matrix.ts";
import { netbind } from "../support/guest/netbind.ts";
import { Outside, OUTSIDE_PORTS } from "../support/peers/outside.ts";
import { shutDown } from "../support/guest/shut-down.ts";

const lab = useLab();
const VMI = demoVmi({ name: "one", port: 80, nonce: "n0nce" }).replace(
  /masquerade: \{\}.*\n\s+ports:\n.*\n/,
  "bridge: {}\n",
);

/** A NIC's addresses in the pod: IPv4, IPv6. */
type Addresses = readonly [ipv4: string, ipv6: string];

async function startBridged(): Promise<{ readonly mac: string; readonly addresses: Addresses }> {
  expect(VMI).toContain("bridge: {}");
  const { nics } = await lab.start(VMI);
  const [ipv4 = "", ipv6 = ""] = nics[0]?.podAddresses ?? [];
  expect([ipv4, ipv6].map((address) => address.split(/[.:]/)[0])).toEqual(["10", "fd10"]);
  expect(nics).toMatchObject([
    { name: "red", binding: "bridge", guestAddresses: [ipv4, ipv6], traffic: { fromGuest: true, toGuest: true } },
  ]);
  const record = findVm(lab.state, "one").nics["red"];
  expect(nics[0]?.mac).toBe(record?.podLink?.mac);
  proved("bridge", "address", "MAC");
  return { mac: nics[0]?.mac ?? "", addresses: [ipv4, ipv6] };
}

async function expectLeaseAndRoutes(mac: string, [ipv4]: Addresses): Promise<void> {
  const printed = await lab.inGuest("one", "cat /run/lease.eth0 /sys/class/net/eth0/address; ip route; ip -6 route");
  expect(printed).toMatch(/default via fe80::\S+ dev eth0/);
  for (const line of [
    `ip=${ipv4}`,
    "mask=24",
    "router=10.244.0.1",
    "serverid=169.254.75.10",
    mac,
    "default via 10.244.0.1 dev eth0",
  ])
    expect(printed.split("\n").map((one) => one.trim())).toContain(line);
}

async function expectTraffic(outside: Outside, [ipv4, ipv6]: Addresses): Promise<void> {
  expect((await outside.fetch(`http://${ipv4}/`)).trim()).toBe("n0nce");
  await lab.inGuest("one", `echo out-tcp | nc -w 3 10.244.0.1 ${OUTSIDE_PORTS.tcp}`);
  expect((await outside.sees("tcp", "out-tcp")).address).toBe(ipv4);
  await lab.inGuest("one", `syslogd -R 10.244.0.1:${OUTSIDE_PORTS.udp}; sleep 1; logger out-udp`);
  expect((await outside.sees("udp", "out-udp")).address).toBe(ipv4);
  expect((await outside.fetch(`http://[${ipv6}]/`)).trim()).toBe("n0nce");
  await lab.inGuest("one", `echo out-tcp6 | nc -w 3 fd10:244::1 ${OUTSIDE_PORTS.tcp}`);
  expect((await outside.sees("tcp", "out-tcp6")).address).toBe(ipv6);
  proved("bridge", "TCP in", "TCP out", "UDP out", "IPv6");
  const before = await datagramsIn(lab, "one");
  await outside.sendUdp(ipv4, 5353, "in-udp");
  expect(await datagramsIn(lab, "one")).toBeGreaterThan(before);
  await outside.run(["ping", "-n", "-q", "-c", "1", "-W", "3", ipv4]);
  // A datagram of exactly the MTU passes whole, and one byte more does not.
  await outside.run(["ping", "-n", "-q", "-c", "1", "-W", "3", "-M", "do", "-s", "1472", ipv4]);
  await expect(outside.run(["ping", "-n", "-q", "-c", "1", "-W", "2", "-M", "do", "-s", "1473", ipv4])).rejects.toThrow(
    /ping/,
  );
  proved("bridge", "UDP in", "ICMP", "MTU");
}

const status = async (): Promise<VmStatus> =>
  JSON.parse((await netbind(["status", "one", "-o", "json"], { env: lab.env })).stdout) as VmStatus;

/** What a cluster would report: the domain's NIC, the pod's addresses, and the name that the guest's agent gives. */
async function expectReported(mac: string, [ipv4, ipv6]: Addresses): Promise<void> {
  expect((await status()).interfaces).toEqual([
    {
      name: "red",
      mac,
      infoSource: "domain, guest-agent",
      queueCount: 1,
      linkState: "up",
      interfaceName: "eth0",
      ipAddress: ipv4,
      ipAddresses: [ipv4, ipv6],
      podInterfaceName: "eth0",
    },
  ]);
  // A family that the guest has no address of is not reported, whatever the pod was given.
  await lab.inGuest("one", "ip -4 addr flush dev eth0");
  expect((await status()).interfaces?.[0]?.ipAddresses).toEqual([ipv6]);
  await lab.inGuest("one", "kill -USR1 $(cat /run/udhcpc.eth0); sleep 2");
}

async function expectRepaired(outside: Outside, [ipv4]: Addresses): Promise<void> {
  expect((await netbind(["check"], { env: lab.env })).code).toBe(0);
  const inPod = inNetns(netnsPath(findVm(lab.state, "one").netns), exec);
  await inPod(["ip", "link", "set", "eth0-nic", "nomaster"]);
  await inPod(["ip", "link", "del", "eth0"]);
  await inPod(["sysctl", "-q", "-w", "net.ipv4.conf.all.arp_ignore=0"]);
  expect((await netbind(["check"], { env: lab.env })).code).toBe(1);
  expect((await netbind(["apply"], { env: lab.env })).code).toBe(0);
  expect((await netbind(["check"], { env: lab.env })).code).toBe(0);
  expect((await outside.fetch(`http://${ipv4}/`)).trim()).toBe("n0nce");
}

test("the guest has the pod's MAC, address and routes; traffic goes both ways; damage is repaired; nothing is left", async () => {
  const { mac, addresses } = await startBridged();
  await expectLeaseAndRoutes(mac, addresses);
  using outside = await Outside.start(netnsPath(lab.state.nodeNetns));
  await expectTraffic(outside, addresses);
  // The domain was defined more than once, and has the NIC once.
  expect(findVm(lab.state, "one").domainXml?.split("ua-red").length).toBe(2);
  proved("bridge", "second define");
  await expectReported(mac, addresses);
  await expectRepaired(outside, addresses);

  // Its sidecar is asked when the domain is defined: the guest's network goes on without it.
  await shutDown(lab.state, "one", "bridge");
  expect((await outside.fetch(`http://${addresses[0]}/`)).trim()).toBe("n0nce");
  proved("bridge", "Shutdown");
  // What speaks from the node's namespace is of that, until it ends.
  outside[Symbol.dispose]();
  await lab.stop("one");
  proved("bridge", "teardown");
});

test("a MAC that its author names is the guest's; where the cluster forbids bridge on the pod network it is refused", async () => {
  const named = VMI.replace("bridge: {}", "bridge: {}\n          macAddress: 02:00:00:00:be:ef");
  expect((await lab.start(named)).nics[0]).toMatchObject({
    mac: "02:00:00:00:be:ef",
    guestAddresses: [expect.any(String), expect.any(String)],
  });
  expect(await lab.inGuest("one", "cat /sys/class/net/eth0/address")).toContain("02:00:00:00:be:ef");
  const forbidding = `${VMI}---
apiVersion: kubevirt.io/v1
kind: KubeVirt
metadata: {name: kubevirt}
spec: {configuration: {network: {permitBridgeInterfaceOnPodNetwork: false}}}
`;
  const refused = await netbind(["run", "-f", "-", "--keep"], { env: lab.env, stdin: forbidding });
  expect(refused).toMatchObject({ code: 3, stderr: expect.stringContaining("does not permit bridge") });
});
