import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findVm, guestCommand, listVms, netnsPath, State, stateDirectories, type VmStatus } from "@netbind/local";
import { consoleSocket } from "@netbind/local";
import { inNetns, exec } from "@netbind/netns";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { demoVmi } from "../demo/vmi.ts";
import { datagramsIn } from "../support/guest/lab.ts";
import { type MachineState, machineState, makeStateDirectory } from "../support/guest/machine.ts";
import { proved } from "../support/cases/matrix.ts";
import { netbind, SOURCE } from "../support/guest/netbind.ts";
import { Outside, OUTSIDE_PORTS } from "../support/peers/outside.ts";
import { shutDown } from "../support/guest/shut-down.ts";

/** A state directory of the tests' own: another netbind on this machine is not disturbed. */
let directory: string;
let state: State;
let before: MachineState;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  before = await machineState();
  directory = makeStateDirectory("e2e");
  env = { NETBIND_STATE_DIR: directory };
  state = new State({ ...stateDirectories(process.env), state: directory });
});
// A test that failed must not make the next one fail.
afterEach(async () => {
  for (const id of state.vmIds()) await netbind(["stop", "--force", nameOf(id)], { env });
});
afterAll(() => rmSync(directory, { recursive: true }));

const nameOf = (id: string): string => listVms(state).find((record) => record.id === id)?.name ?? id;

async function start(name: string, vmi: string, ...options: readonly string[]): Promise<VmStatus> {
  const started = await netbind(["run", "-f", "-", "--keep", "-o", "json", ...options], { env, stdin: vmi });
  expect(started.stderr).not.toContain("FAIL");
  expect(started.code, started.stderr).toBe(0);
  expect(findVm(state, name).phase).toBe("running");
  return JSON.parse(started.stdout) as VmStatus;
}

const inGuest = (name: string, command: string): Promise<string> =>
  guestCommand(consoleSocket(state, findVm(state, name)), command);

/** Starts the guide's VM with DHCP options of its own, on a pod network of the test's. */
async function startGuideVm(vmi: string): Promise<string> {
  const podNetwork = join(directory, "pods.json");
  const ipam = {
    type: "host-local",
    ranges: [[{ subnet: "10.99.0.0/24" }]],
    routes: [{ dst: "0.0.0.0/0" }],
    dataDir: join(state.node, "ipam"),
  };
  writeFileSync(
    podNetwork,
    JSON.stringify({
      cniVersion: "1.0.0",
      name: "pods",
      plugins: [{ type: "bridge", bridge: "cni0", isGateway: true, mtu: 1450, ipam }],
    }),
  );
  const status = await start("one", vmi, "--pod-network", podNetwork);
  expect(status).toMatchObject({
    phase: "running",
    nics: [
      {
        name: "red",
        binding: "masquerade",
        guestAddresses: ["10.0.2.2"],
        mtu: 1450,
        ports: ["80/TCP"],
        traffic: { fromGuest: true, toGuest: true },
      },
    ],
  });
  const pod = status.nics[0]?.podAddresses[0] ?? "";
  expect(pod).toMatch(/^10\.99\.0\.\d+$/);
  return pod;
}

async function expectLease(): Promise<void> {
  const lease = await inGuest(
    "one",
    "cat /run/lease.eth0; hostname; ip route; cat /etc/resolv.conf; cat /sys/class/net/eth0/mtu",
  );
  for (const line of [
    "ip=10.0.2.2",
    "mask=24",
    "router=10.0.2.1",
    "mtu=1450",
    "bootfile=a b.bin",
    "tftp=tftp.example.com",
    "lease=86313600",
    "web",
    "default via 10.0.2.1 dev eth0",
    "nameserver 192.0.2.53",
  ]) {
    expect(lease.split("\n").map((one) => one.trim())).toContain(line);
  }
  expect(lease).toMatch(/^search .*example\.com/m);
}

async function expectTraffic(outside: Outside, pod: string): Promise<void> {
  expect((await outside.fetch(`http://${pod}/`)).trim()).toBe("n0nce");
  expect(await outside.connect(pod, 81)).toBe("ECONNREFUSED");
  await inGuest("one", `echo out-tcp | nc -w 3 10.99.0.1 ${OUTSIDE_PORTS.tcp}`);
  expect((await outside.sees("tcp", "out-tcp")).address).toBe(pod);
  await inGuest("one", `syslogd -R 10.99.0.1:${OUTSIDE_PORTS.udp}; sleep 1; logger out-udp`);
  expect((await outside.sees("udp", "out-udp")).address).toBe(pod);
  proved("masquerade", "address", "TCP in", "TCP out", "UDP out", "ports rule");
}

/** 28 bytes of headers: a datagram of exactly the MTU passes whole, and one byte more does not. */
async function expectWholeMtu(): Promise<void> {
  const inPod = inNetns(netnsPath(findVm(state, "one").netns), exec);
  await inPod(["ping", "-c", "1", "-W", "3", "-M", "do", "-s", "1422", "10.0.2.2"]);
  await expect(inPod(["ping", "-c", "1", "-W", "3", "-M", "do", "-s", "1423", "10.0.2.2"])).rejects.toThrow(/ping/);
  proved("masquerade", "ICMP", "MTU");
}

/** Ends the VM by a second command: none of its processes, which have no rights, is left. */
async function stopFromAnotherShell(): Promise<void> {
  const processes = findVm(state, "one").processes.flatMap((entry) => entry.processes.map(({ pid }) => pid));
  expect(processes.length).toBeGreaterThan(6);
  for (const pid of processes.filter((one) => existsSync(`/proc/${one}/status`))) {
    const text = readFileSync(`/proc/${pid}/status`, "utf8");
    if (/^Name:\t(qemu|node|dnsmasq)/m.test(text)) expect(text).toMatch(/^CapEff:\t0+$/m);
  }
  const stopped = await netbind(["stop", "one"], { env });
  expect(stopped.code, stopped.stderr).toBe(0);
  for (const pid of processes)
    expect(existsSync(`/proc/${pid}`) && !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))).toBe(false);
}

test("the guide's masquerade VM: what the guest got, its traffic both ways, its MTU, and its end from a second shell", async () => {
  const extra = "  dnsConfig:\n    searches: [example.com]\n    nameservers: [192.0.2.53]\n  hostname: web\n";
  const vmi = demoVmi({ name: "one", port: 80, nonce: "n0nce", extra }).replace(
    "ports:",
    "dhcpOptions: {bootFileName: 'a b.bin', tftpServerName: tftp.example.com}\n          ports:",
  );
  const pod = await startGuideVm(vmi);
  await expectLease();
  using outside = await Outside.start(netnsPath(state.nodeNetns));
  await expectTraffic(outside, pod);
  await expectWholeMtu();

  const second = await netbind(["run", "-f", "-", "--keep"], { env, stdin: vmi });
  expect(second.code).toBe(5);
  expect(second.stderr).toContain("runs already: started from standard input:1");

  await stopFromAnotherShell();
  expect(await machineState()).toEqual(before);
  expect(state.vmIds()).toEqual([]);
  proved("masquerade", "teardown");
});

test("IPv6 alone: the guest configures itself, and its traffic goes both ways", async () => {
  const podNetwork = join(directory, "pods6.json");
  const ipam = {
    type: "host-local",
    ranges: [[{ subnet: "fd99::/64" }]],
    routes: [{ dst: "::/0" }],
    dataDir: join(state.node, "ipam"),
  };
  const bridge = { type: "bridge", bridge: "cni0", isGateway: true, mtu: 1450, ipam };
  writeFileSync(podNetwork, JSON.stringify({ cniVersion: "1.0.0", name: "pods", plugins: [bridge] }));
  const vmi = demoVmi({
    name: "one",
    port: 80,
    nonce: "n0nce6",
    extra: "  dnsConfig:\n    nameservers: ['fd00::53']\n",
  }).replace("pod: {}", "pod: {vmIPv6NetworkCIDR: 'fd55:5::/64'}");
  const status = await start("one", vmi, "--pod-network", podNetwork);
  expect(status.nics[0]?.guestAddresses).toEqual(["fd55:5::2"]);
  const pod = status.nics[0]?.podAddresses[0] ?? "";
  expect(pod).toMatch(/^fd99::/);
  const guest = await inGuest(
    "one",
    "ip -6 route; cat /etc/resolv.conf /proc/sys/net/ipv6/conf/eth0/mtu; ip -4 addr show dev eth0",
  );
  expect(guest).toMatch(/default via fe80::\S+ dev eth0/);
  expect(guest).toMatch(/^nameserver fd00:(0000:){6}0053/m);
  expect(guest).toMatch(/^1450\s*$/m);
  expect(guest).not.toContain("inet 1");

  using outside = await Outside.start(netnsPath(state.nodeNetns));
  expect((await outside.fetch(`http://[${pod}]/`)).trim()).toBe("n0nce6");
  expect(await outside.connect(pod, 81)).toBe("ECONNREFUSED");
  await inGuest("one", `echo out6-tcp | nc -w 3 fd99::1 ${OUTSIDE_PORTS.tcp}`);
  expect((await outside.sees("tcp", "out6-tcp")).address).toBe(pod);
  await inGuest("one", `syslogd -R [fd99::1]:${OUTSIDE_PORTS.udp}; sleep 1; logger out6-udp`);
  expect((await outside.sees("udp", "out6-udp")).address).toBe(pod);
  const inPod = inNetns(netnsPath(findVm(state, "one").netns), exec);
  await inPod(["ping", "-c", "1", "-W", "3", "-M", "do", "-s", "1402", "fd55:5::2"]);
  await expect(inPod(["ping", "-c", "1", "-W", "3", "-M", "do", "-s", "1403", "fd55:5::2"])).rejects.toThrow(/ping/);
  proved("masquerade", "IPv6");
  expect((await netbind(["stop", "one"], { env })).code).toBe(0);
  outside[Symbol.dispose]();
  expect(await machineState()).toEqual(before);
});

test("without ports a ping of exactly the MTU reaches the guest from outside; two VMs do not disturb each other", async () => {
  const all = (name: string): string => demoVmi({ name, port: 80, nonce: name }).replace(/ {10}ports:\n.*\n/, "");
  const [one, two] = [await start("one", all("one")), await start("two", all("two"))];
  expect(one.nics[0]?.guestAddresses).toEqual(["10.0.2.2", "fd10:0:2::2"]);
  const pods = [one, two].map(({ nics }) => nics[0]?.podAddresses[0] ?? "");
  expect(new Set(pods).size).toBe(2);
  expect(one.nics[0]?.mac).not.toBe(two.nics[0]?.mac);
  using outside = await Outside.start(netnsPath(state.nodeNetns));
  for (const [at, name] of ["one", "two"].entries()) {
    expect((await outside.fetch(`http://${pods[at]}/`)).trim()).toBe(name);
    await outside.run(["ping", "-c", "1", "-W", "3", "-M", "do", "-s", "1472", pods[at] ?? ""]);
    const ipv6 = [one, two][at]?.nics[0]?.podAddresses[1] ?? "";
    expect((await outside.fetch(`http://[${ipv6}]/`)).trim()).toBe(name);
    await outside.run(["ping", "-c", "1", "-W", "3", "-M", "do", "-s", "1452", ipv6]);
    expect(await inGuest(name, "cat /sys/class/net/eth0/statistics/rx_bytes")).toMatch(/^\d{4,}/);
    expect(await inGuest(name, "cat /sys/class/net/eth0/address")).toContain([one, two][at]?.nics[0]?.mac ?? "none");
  }
  const datagrams = await datagramsIn({ inGuest }, "one");
  await outside.sendUdp(pods[0] ?? "", 5353, "in-udp");
  expect(await datagramsIn({ inGuest }, "one")).toBeGreaterThan(datagrams);
  expect(findVm(state, "one").domainXml?.split("ua-red").length).toBe(2);
  proved("masquerade", "MAC", "UDP in", "second define");
  // Its sidecar is asked when the domain is defined: the guest's network goes on without it.
  await shutDown(state, "one", "masquerade");
  expect((await outside.fetch(`http://${pods[0]}/`)).trim()).toBe("one");
  proved("masquerade", "Shutdown");
  expect((await netbind(["status"], { env })).stdout).toMatch(/one.*running[\s\S]*two.*running/);
  expect((await netbind(["stop", "one"], { env })).code).toBe(0);
  expect((await outside.fetch(`http://${pods[1]}/`)).trim()).toBe("two");

  // A guest that ends by itself leaves its pod to gc.
  await inGuest("two", "(sleep 1; poweroff -f) &");
  for (let waited = 0; waited < 100 && !(await netbind(["status"], { env })).stdout.includes("over"); waited++)
    await new Promise((resolve) => setTimeout(resolve, 100));
  const collected = await netbind(["gc"], { env });
  expect(collected.stdout.trim()).toBe("removed: default/two");
  outside[Symbol.dispose]();
  expect(await machineState()).toEqual(before);
});

test("in the foreground: Ctrl-C stops the VM cleanly; what is left out is said", async () => {
  const vmi = demoVmi({
    name: "one",
    port: 80,
    nonce: "x",
    extra: "    - name: root\n      containerDisk: {image: registry.example.com/fedora:1}\n",
  }).replace(
    "        - name: cloudinitdisk\n          disk:",
    "        - name: root\n          disk: {bus: virtio}\n        - name: cloudinitdisk\n          disk:",
  );
  const file = join(mkdtempSync(join(tmpdir(), "netbind-fg-")), "vm.yaml");
  writeFileSync(file, vmi);
  const child = spawn(process.execPath, [...SOURCE, "run", "-f", file], {
    env: { ...process.env, ...env },
    stdio: "pipe",
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString("utf8");
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString("utf8");
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  for (let waited = 0; waited < 600 && !stdout.includes("red"); waited++)
    await new Promise((resolve) => setTimeout(resolve, 100));
  expect(stdout).toMatch(/red +masquerade +10\.244\.0\.\d+,\S+ +10\.0\.2\.2,fd10:0:2::2/);
  expect(stderr).toContain('volume "root" is left out');
  expect(stderr).toContain("the demo guest boots instead");
  child.kill("SIGINT");
  expect(await ended).toBe(130);
  rmSync(join(file, ".."), { recursive: true });
  expect(await machineState()).toEqual(before);
});

test("a start that fails half-way leaves nothing", async () => {
  const vmi = demoVmi({ name: "one", port: 80, nonce: "x", cidr: "10.244.0.0/16" });
  const refused = await netbind(["run", "-f", "-"], { env, stdin: vmi });
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("[PLAN_IMPOSSIBLE]");
  const secret = await netbind(["run", "-f", "-"], {
    env,
    stdin: demoVmi({ name: "one", port: 80, nonce: "x" }).replace(/userData: \|[\s\S]*/, "secretRef: {name: nope}\n"),
  });
  expect(secret.code).toBe(1);
  expect(secret.stderr).toContain('Secret "nope"');
  expect(await machineState()).toEqual(before);
  expect(state.vmIds()).toEqual([]);
});
