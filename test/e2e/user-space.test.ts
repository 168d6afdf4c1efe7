/** slirp and passt with real guests: networks in user space, which leave the pod's links as they are. */
import { readFileSync } from "node:fs";
import { findVm, netnsPath, type VmStatus } from "@netbind/local";
import { inNetns, exec } from "@netbind/netns";
import { expect, test } from "vitest";
import { demoVmi } from "../demo/vmi.ts";
import { datagramsIn, expectInGuest, useLab } from "../support/guest/lab.ts";
import { proved } from "../support/cases/matrix.ts";
import { netbind } from "../support/guest/netbind.ts";
import { Outside, OUTSIDE_PORTS } from "../support/peers/outside.ts";
import { shutDown } from "../support/guest/shut-down.ts";

const lab = useLab();
const vmi = (binding: string, more = ""): string =>
  demoVmi({ name: "one", port: 80, nonce: "n0nce" }).replace("masquerade: {}", `binding: {name: ${binding}}${more}`);

/** Beyond the guest's gateway: passt takes what is sent to the gateway itself for the pod's own. */
const BEYOND = "198.51.100.7";

/** An echo request, as far as somebody beyond the gateway. */
const pings = async (address: string): Promise<boolean> =>
  (await lab.inGuest("one", `ping -c 1 -W 2 ${address} > /dev/null 2>&1 && echo answered || echo nothing`)).includes(
    "answered",
  );

/** Traffic both ways: listed ports of both protocols, a port that is not, and out by TCP and UDP as the pod. */
async function tryTraffic(binding: "slirp" | "passt", pod: string): Promise<void> {
  using outside = await Outside.start(netnsPath(lab.state.nodeNetns));
  expect((await outside.fetch(`http://${pod}/`)).trim()).toBe("n0nce");
  expect(await outside.connect(pod, 81)).toBe("ECONNREFUSED");
  await outside.run(["ip", "addr", "replace", `${BEYOND}/32`, "dev", "lo"]);
  await lab.inGuest("one", `echo out-tcp | nc -w 3 ${BEYOND} ${OUTSIDE_PORTS.tcp}`);
  expect((await outside.sees("tcp", "out-tcp")).address).toBe(pod);
  await lab.inGuest("one", `syslogd -R ${BEYOND}:${OUTSIDE_PORTS.udp}; sleep 1; logger out-udp`);
  expect((await outside.sees("udp", "out-udp")).address).toBe(pod);
  const before = await datagramsIn(lab, "one");
  await outside.sendUdp(pod, 5354, "not listed");
  expect(await datagramsIn(lab, "one")).toBe(before);
  await outside.sendUdp(pod, 5353, "in-udp");
  expect(await datagramsIn(lab, "one")).toBeGreaterThan(before);
  proved(binding, "TCP in", "TCP out", "UDP in", "UDP out", "ports rule");
}

/** The sidecar's end takes nothing from the guest: what moves its packets is QEMU's own, or libvirt's. */
async function expectShutdown(binding: "slirp" | "passt", pod: string): Promise<void> {
  using outside = await Outside.start(netnsPath(lab.state.nodeNetns));
  await shutDown(lab.state, "one", binding);
  expect((await outside.fetch(`http://${pod}/`)).trim()).toBe("n0nce");
  proved(binding, "Shutdown");
}

const linksOf = async (): Promise<string> =>
  inNetns(netnsPath(findVm(lab.state, "one").netns), exec)(["ip", "-br", "link"]);

const BOTH_PROTOCOLS = ["          ports:\n", "          ports:\n            - {port: 5353, protocol: UDP}\n"] as const;
const SEARCH = "  dnsConfig:\n    searches: [example.com, b.example.com]\n";

test("slirp: a network inside QEMU, by virtio, with what its author names; listed ports alone come in, and no ICMP", async () => {
  const named = `${vmi("slirp", "\n          macAddress: 02:00:00:00:be:ef")}${SEARCH}`;
  const { nics } = await lab.start(
    named.replace(...BOTH_PROTOCOLS).replace("pod: {}", "pod: {vmNetworkCIDR: 10.77.0.0/24}"),
    "--wait",
    "5",
  );
  expect(nics).toMatchObject([
    {
      binding: "slirp",
      mac: "02:00:00:00:be:ef",
      guestAddresses: [],
      plannedAddresses: 0,
      ports: ["5353/UDP", "80/TCP"],
    },
  ]);
  await lab.booted("one");
  await expectInGuest(
    lab,
    "one",
    "cat /sys/class/net/eth0/address; basename $(readlink /sys/class/net/eth0/device/driver); ip addr show eth0; ip route; cat /etc/resolv.conf",
    [
      "02:00:00:00:be:ef",
      "virtio_net",
      "10.77.0.15/24",
      "default via 10.77.0.2",
      "nameserver 10.77.0.3",
      "example.com",
      "b.example.com",
    ],
  );
  proved("slirp", "address", "MAC");
  await tryTraffic("slirp", nics[0]?.podAddresses[0] ?? "");
  expect(await pings(BEYOND)).toBe(false);
  expect(findVm(lab.state, "one").domainXml?.split("id=red").length).toBe(2);
  proved("slirp", "second define");
  expect(await linksOf()).not.toMatch(/tap0|k6t/);
  expect((await netbind(["check"], { env: lab.env })).code).toBe(0);
  // The domain has no interface of it: what a cluster reports is what the guest's agent tells.
  const { interfaces } = JSON.parse(
    (await netbind(["status", "one", "-o", "json"], { env: lab.env })).stdout,
  ) as VmStatus;
  expect(interfaces).toEqual([{ name: "red", podInterfaceName: "eth0" }]);
  await expectShutdown("slirp", nics[0]?.podAddresses[0] ?? "");
  await lab.stop("one");
  proved("slirp", "teardown");
});

/** passt that hangs is noticed, and that it goes on as well. */
async function expectHangNoticed(): Promise<void> {
  const { processes } = JSON.parse(
    (await netbind(["status", "one", "-o", "json"], { env: lab.env })).stdout,
  ) as VmStatus;
  const passt = processes.find(({ role }) => role === "passt red")?.pids[0] ?? 0;
  expect(passt).toBeGreaterThan(0);
  process.kill(passt, "SIGSTOP");
  const cut = await netbind(["check"], { env: lab.env });
  expect([cut.code, cut.stdout]).toEqual([1, expect.stringContaining("NIC red: passt does not run")]);
  process.kill(passt, "SIGCONT");
  expect((await netbind(["check"], { env: lab.env })).code).toBe(0);
}

test("passt: the guest has the pod's own addresses of both families, in a mesh too; one that hangs is noticed", async () => {
  const meshed = vmi("passt").replace(
    "  name: one\n",
    "  name: one\n  annotations: {sidecar.istio.io/inject: 'true'}\n",
  );
  expect(meshed).toContain("sidecar.istio.io/inject");
  // A link that is down at boot could never come up in a cluster: it is said, and the link is up.
  const down = meshed.replace("binding: {name: passt}", "binding: {name: passt}\n          state: down");
  expect(down).toContain("state: down");
  const { nics } = await lab.start(down.replace(...BOTH_PROTOCOLS), "--wait", "5");
  const [ipv4 = "", ipv6 = ""] = nics[0]?.podAddresses ?? [];
  expect(nics).toMatchObject([{ binding: "passt", plannedAddresses: 0, ports: ["5353/UDP", "80/TCP"] }]);
  await lab.booted("one");
  await expectInGuest(lab, "one", "cat /sys/class/net/eth0/address; ip addr show eth0; ip route", [
    nics[0]?.mac ?? "none",
    `${ipv4}/24`,
    `${ipv6}/128`,
    "default via 10.244.0.1",
  ]);
  proved("passt", "address", "MAC");
  await tryTraffic("passt", ipv4);
  expect(await pings(BEYOND)).toBe(true);
  proved("passt", "ICMP");
  expect(findVm(lab.state, "one").domainXml?.split("ua-red").length).toBe(2);
  proved("passt", "second define");
  expect(await linksOf()).not.toMatch(/tap0|k6t/);
  const { interfaces } = JSON.parse(
    (await netbind(["status", "one", "-o", "json"], { env: lab.env })).stdout,
  ) as VmStatus;
  expect(interfaces?.[0]).toMatchObject({
    name: "red",
    interfaceName: "eth0",
    ipAddress: ipv4,
    ipAddresses: [ipv4, ipv6],
  });

  using outside = await Outside.start(netnsPath(lab.state.nodeNetns));
  expect((await outside.fetch(`http://[${ipv6}]/`)).trim()).toBe("n0nce");
  proved("passt", "IPv6");
  // A mesh's proxy finds its own ports free, TCP alone: UDP goes on.
  const inPod = inNetns(netnsPath(findVm(lab.state, "one").netns), exec);
  expect(await inPod(["ss", "-Hltn", "sport = :15006"])).toBe("");
  expect(await inPod(["ss", "-Hlun", "sport = :5353"])).not.toBe("");

  const link = await netbind(["link", "down", "one", "red"], { env: lab.env });
  expect([link.code, link.stderr]).toEqual([1, expect.stringContaining("only a NIC on a tap has one")]);
  expect(findVm(lab.state, "one").domainXml).not.toContain("<link");

  await expectHangNoticed();
  outside[Symbol.dispose]();
  await expectShutdown("passt", ipv4);
  await lab.stop("one");
  proved("passt", "teardown");
});

test("passt with every port: a machine that lets it have too few open files says how many it takes, and nothing is left", async () => {
  const all = vmi("passt").replace(/\n\s*ports:\n.*\n/, "\n");
  expect(all).not.toContain("port:");
  const limits = readFileSync("/proc/self/limits", "utf8");
  const mayRaise =
    (BigInt(`0x${/^CapEff:\s+(\w+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0"}`) & (1n << 24n)) !==
    0n;
  const limit = Number(/^Max open files\s+\d+\s+(\d+)/m.exec(limits)?.[1]);
  const outcome = await netbind(["run", "-f", "-", "--keep", "--wait", "0"], { env: lab.env, stdin: all });
  if (mayRaise || limit > 75_000) return expect(outcome.code, outcome.stderr).toBe(0);
  expect(outcome.code).toBe(1);
  expect(outcome.stderr).toMatch(
    new RegExp(
      `passt needs 7\\d{4} open files .* hard limit is ${limit}: list the ports .*${Math.floor((limit - 256) / 2)} of TCP`,
    ),
  );
  expect(lab.state.vmIds()).toEqual([]);
});

test("what they cannot do is refused before anything starts, with the reason", async () => {
  const multus = vmi("passt", "\n          model: e1000").replace("pod: {}", "multus: {networkName: a}");
  const refused = await netbind(["run", "-f", "-", "--keep"], { env: lab.env, stdin: multus });
  expect(refused.code).toBe(3);
  for (const text of ["passt serves the pod network only", "passt serves virtio only"])
    expect(refused.stderr).toContain(text);
  const narrow = vmi("slirp").replace("pod: {}", "pod: {vmNetworkCIDR: 10.0.0.0/28}");
  expect((await netbind(["run", "-f", "-", "--keep"], { env: lab.env, stdin: narrow })).stderr).toContain(
    "the fifteen addresses that QEMU needs",
  );
});
