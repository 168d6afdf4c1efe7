import { spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Attachment } from "@netbind/contract";
import { findVm, listVms, netnsPath, type VmStatus } from "@netbind/local";
import { isAlive, waitUntil } from "@netbind/netns";
import { expect, test } from "vitest";
import type { LocalPodRecord } from "../../core/local/src/record/local-pod-record.ts";
import { vmOfPod } from "../../core/local/src/record/state.ts";
import { demoVmi } from "../demo/vmi.ts";
import { bundlePlugin } from "../support/build/bundle.ts";
import { Sniffer } from "../support/peers/frames.ts";
import { useLab } from "../support/guest/lab.ts";
import { machineState } from "../support/guest/machine.ts";
import { netbind, SOURCE } from "../support/guest/netbind.ts";
import { countedUp, CountingHost, type Counts } from "../support/kill/counting-host.ts";
import { processNamed, stallLibvirt } from "../support/kill/stalled-libvirt.ts";
import { Outside, OUTSIDE_PORTS } from "../support/peers/outside.ts";
import { EchoStream } from "../support/peers/stream.ts";

/** The Ethernet type of what QEMU announces a guest's MAC address by. */
const RARP = 0x8035;
const LONG = { timeout: 600_000 };

const GREEN = { mac: "02:00:00:00:00:99", guest: "10.253.0.2", outside: "10.253.0.1" };

/**
 * A web server, an echo, a connection within the guest that counts, a second NIC of a binding that refreshes its link, and
 * a third on a layer 2 network that somebody outside is on too.
 */
const VMI = `${demoVmi({ name: "one", port: 80, nonce: "n0nce" })
  .replace("            - port: 80", "            - port: 80\n            - port: 7")
  .replace(
    "  networks:",
    "        - name: blue\n          binding: {name: refreshed}\n          macAddress: 02:00:00:00:00:77\n" +
      `        - {name: green, bridge: {}, macAddress: "${GREEN.mac}"}\n  networks:`,
  )
  .replace(
    "  volumes:",
    "    - name: blue\n      multus: {networkName: cable}\n    - {name: green, multus: {networkName: lan}}\n  volumes:",
  )}\
          nc -ll -p 7 -e cat &
          sleep 1
          i=0; while :; do i=$((i + 1)); echo $i; usleep 200000; done | nc 127.0.0.1 7 > /run/counted
---
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: cable, namespace: default}
spec:
  config: '{"cniVersion": "1.0.0", "name": "cable", "type": "bridge", "bridge": "cable0"}'
---
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: lan, namespace: default}
spec:
  config: '{"cniVersion": "1.0.0", "name": "lan", "type": "bridge", "bridge": "lan0"}'
`;

const lab = useLab();

/** Runs the VM in the foreground, as a person does, and gives the process. */
function runInForeground(file: string, plugin: string): ReturnType<typeof spawn> {
  const args = ["run", "-f", file, "--plugin", plugin, "--wait", "0"];
  return spawn(process.execPath, [...SOURCE, ...args], { env: { ...process.env, ...lab.env }, stdio: "ignore" });
}

const migrate = (): ReturnType<typeof netbind> =>
  netbind(["migrate", "one", "-o", "json", "--wait", "60"], { env: lab.env });
const netnsOf = (): string => findVm(lab.state, "one").netns;
/** A NIC as it is attached in a pod. */
const nicOf = ({ attached = [] }: LocalPodRecord, nic: string): Attachment =>
  attached.find(({ name }) => name === nic) ?? expect.fail(`the pod has no NIC ${nic}`);
const counted = async (): Promise<number> => Number(await lab.inGuest("one", "wc -l < /run/counted"));
/** The ends and the state of the guest's connection within itself; what is on its way at the moment is left out. */
const within = (): Promise<string> =>
  lab.inGuest("one", "netstat -tn | awk '/127.0.0.1:7 *ESTABLISHED/ { print $4, $5, $6 }'");
/** Two TCP connections between the guest and somebody on its layer 2 network, one each way, that count. */
async function countOnLan(): Promise<CountingHost> {
  const host = await CountingHost.plugInto(lab.state.nodeNetns, "lan0", `${GREEN.outside}/24`);
  const address = `n=$(grep -l ${GREEN.mac} /sys/class/net/*/address); n=\${n%/address}; ip addr add ${GREEN.guest}/24 dev \${n##*/}`;
  await lab.inGuest("one", address);
  await host.count(GREEN.guest, 7, OUTSIDE_PORTS.tcp);
  const count = `while :; do i=$((i + 1)); echo $i; usleep 50000; done | nc ${GREEN.outside} ${OUTSIDE_PORTS.tcp}`;
  await lab.inGuest("one", `sh -c '${count}' > /dev/null 2>&1 &`);
  const both = async (): Promise<boolean> =>
    Object.values(await host.counts()).every((value) => !["", 0].includes(value));
  expect(await waitUntil(both, 30_000, 200), JSON.stringify(await host.counts())).toBe(true);
  return host;
}

/** Both connections go on where they were, and nothing of what was counted is lost, doubled or in another order. */
async function expectUnbroken(host: CountingHost, since: Counts): Promise<void> {
  const both = async (): Promise<boolean> => {
    const { echoed, counted } = await host.counts();
    return echoed.length > since.echoed.length && counted.length > since.counted.length;
  };
  expect(await waitUntil(both, 30_000, 200)).toBe(true);
  const counts = await host.counts();
  expect(counts).toMatchObject({ accepted: 1, ended: [] });
  expect([counts.echoed, counts.counted]).toEqual([countedUp(counts.echoed), countedUp(counts.counted)]);
}

/** How often the guest's links went down, by their MAC addresses. */
async function carriers(): Promise<Readonly<Record<string, number>>> {
  const text = await lab.inGuest("one", "for n in /sys/class/net/eth*; do cat $n/address $n/carrier_down_count; done");
  return Object.fromEntries(
    [...text.matchAll(/([0-9a-f:]{17})\s+(\d+)/g)].map(([, mac = "", times]) => [mac, Number(times)]),
  );
}

/** The VM before it moves, and those who look at it from outside. */
interface Running {
  readonly first: LocalPodRecord;
  /** The IPv4 address of its first pod. */
  readonly pod: string;
  readonly outside: Outside;
  readonly stream: EchoStream;
  readonly lan: CountingHost;
  readonly sniffer: Sniffer;
  /** Its connection within itself, as netstat shows it. */
  readonly inner: string;
  /** How often its links went down, by their MAC addresses. */
  readonly downs: Readonly<Record<string, number>>;
}

/** The address of a pod of the VM. */
const addressOf = (record: LocalPodRecord): string => nicOf(record, "red").pod.addresses[0]?.split("/")[0] ?? "";

async function expectAnswers(outside: Outside, pod: string): Promise<void> {
  expect(await waitUntil(async () => (await outside.connect(pod, 7)) === "connected", 60_000, 500)).toBe(true);
}

/** A libvirt that does not answer is waited for no longer than it may take: nothing of the migration is begun. */
async function expectUnansweredRefused(first: LocalPodRecord): Promise<void> {
  {
    using _ = stallLibvirt(first.netns);
    const refused = await migrate();
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("it did not finish within")]);
    expect(refused.stderr).not.toContain("making the target pod");
  }
  expect([findVm(lab.state, "one").netns, lab.state.podIds()]).toEqual([first.netns, [first.id]]);
}

/** Migrates the guest: `migrate` reports the next pod, whose NICs are the first one's. Gives the next pod. */
async function migrateOnce({ first, pod }: Running): Promise<LocalPodRecord> {
  const migrated = await migrate();
  expect(migrated.code, migrated.stderr).toBe(0);
  const status = JSON.parse(migrated.stdout) as VmStatus & { from: string; downtime: number };
  expect(status).toMatchObject({ phase: "running", from: first.netns, netns: netnsOf(), createdAt: first.createdAt });
  expect(status.downtime).toBeGreaterThan(0);
  const red = status.nics.find(({ name }) => name === "red");
  expect(red).toMatchObject({ guestAddresses: ["10.0.2.2", "fd10:0:2::2"], mac: nicOf(first, "red").mac });
  const second = findVm(lab.state, "one");
  expect(red?.podAddresses[0]).toBe(addressOf(second));
  expect([pod, addressOf(second)]).toEqual([
    expect.stringMatching(/^10\.244\.0\.\d+$/),
    expect.stringMatching(/^10\.244\.0\.\d+$/),
  ]);
  expect(addressOf(second)).not.toBe(pod);
  expect(second.attached?.map(({ cause, mac, name }) => ({ cause, mac, name }))).toEqual(
    first.attached?.map(({ mac, name }) => ({ cause: "migrationTarget", mac, name })),
  );
  expect(nicOf(second, "red").pod.mac).not.toBe(nicOf(first, "red").pod.mac);
  expect(second.serviceUid).not.toBe(first.serviceUid);
  return second;
}

function expectFirstGone({ first }: Running, second: LocalPodRecord): void {
  expect(first.processes.flatMap(({ processes }) => processes).filter(isAlive)).toEqual([]);
  expect([existsSync(netnsPath(first.netns)), existsSync(lab.state.podDirectory(first.id)), second.migration]).toEqual([
    false,
    false,
    undefined,
  ]);
}

/** The layer 2 network: both connections go on where they were, the bridge has learned the guest's next port, and the first is gone. */
async function expectLanFollowed({ lan, sniffer }: Running): Promise<void> {
  await expectUnbroken(lan, await lan.counts());
  const announced = (await sniffer.frames()).filter(({ source, type }) => source === GREEN.mac && type === RARP);
  expect(announced.length).toBeGreaterThan(0);
  // The guest was at the port of its first pod until it came, and at the next one's since then: nobody else used its address.
  const learned = lan.portsOf(GREEN.mac);
  expect(learned).toHaveLength(2);
  const ports = await lan.onNode(["ip", "-br", "link", "show", "master", "lan0"]);
  expect(learned.map((port) => ports.includes(port))).toEqual([false, true]);
  expect(await lab.inGuest("one", "ip addr")).toMatch(new RegExp(`${GREEN.mac}[\\s\\S]*inet ${GREEN.guest}/24`));
}

/** What the guest had within itself goes on, over the very same connection; what came from outside has ended, and starts again. */
async function expectTraffic({ inner, outside, pod, stream }: Running, next: string): Promise<void> {
  expect(await within()).toBe(inner);
  const count = await counted();
  await waitUntil(async () => (await counted()) > count, 30_000, 300);
  expect(await counted()).toBeGreaterThan(count);
  expect(await stream.echoes("after")).toBe(false);
  expect((await outside.fetch(`http://${next}/`)).trim()).toBe("n0nce");
  expect(await outside.connect(pod, 80)).not.toBe("connected");
  await lab.inGuest("one", `echo moved | nc -w 3 10.244.0.1 ${OUTSIDE_PORTS.tcp}`);
  expect((await outside.sees("tcp", "moved")).address).toBe(next);
}

/** The lease is renewed by the only server that is left: the next pod's. */
async function expectLeaseRenewed(): Promise<void> {
  await lab.inGuest("one", "rm /run/lease.eth0; kill -USR1 $(cat /run/udhcpc.eth0)");
  await waitUntil(async () => (await lab.inGuest("one", "ls /run")).includes("lease.eth0"), 30_000, 500);
  const lease = await lab.inGuest("one", "cat /run/lease.eth0");
  expect(lease).toMatch(/^ip=10\.0\.2\.2\s*$/m);
  expect(lease).toMatch(/^serverid=10\.0\.2\.1\s*$/m);
}

async function expectHealthy({ netns }: LocalPodRecord): Promise<void> {
  expect(await netbind(["check"], { env: lab.env })).toMatchObject({ code: 0, stdout: "default/one: healthy\n" });
  expect((await netbind(["gc"], { env: lab.env })).stdout).toBe("nothing to remove\n");
  expect(JSON.parse((await netbind(["status", "one", "-o", "json"], { env: lab.env })).stdout)).toMatchObject({
    netns,
  });
}

/** A target whose QEMU dies in the middle: the guest stays, and nothing of that pod is left. */
async function expectToSurviveTarget({ outside }: Running, second: LocalPodRecord): Promise<void> {
  const target = lab.state.podNetns(lab.state.nextPodId(vmOfPod(second.id)));
  const failing = migrate();
  const victim = (): number | undefined => processNamed(target, "qemu");
  await waitUntil(() => victim() !== undefined, 120_000, 5);
  process.kill(victim() ?? 0, "SIGKILL");
  expect((await failing).code).toBe(1);
  expect(findVm(lab.state, "one")).toEqual(second);
  expect(existsSync(netnsPath(target))).toBe(false);
  expect(lab.state.podIds()).toEqual([second.id]);
  expect((await outside.fetch(`http://${addressOf(second)}/`)).trim()).toBe("n0nce");
  expect((await netbind(["check"], { env: lab.env })).stdout).toBe("default/one: healthy\n");
}

/** The link of the NIC that asks for it went down and up; the other's never did. A guest that is short of CPU may miss it once. */
async function expectLinkRefreshed({ downs, first, lan }: Running): Promise<void> {
  const [blue, red] = ["02:00:00:00:00:77", nicOf(first, "red").mac];
  let now = await carriers();
  for (let times = 0; times < 2 && now[blue] === downs[blue]; times++) {
    expect((await migrate()).code).toBe(0);
    now = await carriers();
  }
  expect(now[blue]).toBeGreaterThan(downs[blue] ?? 0);
  expect(now[red]).toBe(downs[red]);
  await expectUnbroken(lan, await lan.counts());
}

test(
  "a guest is migrated: what it had goes on, what is new leaves by its next pod, and nothing of the first is left",
  LONG,
  async () => {
    const before = await machineState();
    const file = join(lab.directory, "vm.yaml");
    writeFileSync(file, VMI);
    const foreground = runInForeground(file, bundlePlugin("refreshed", lab.directory));
    const ended = new Promise((resolve) => foreground.once("close", resolve));
    await waitUntil(() => listVms(lab.state)[0]?.phase === "running", 200_000, 200);
    await lab.booted("one");
    const first = findVm(lab.state, "one");
    const pod = addressOf(first);
    using outside = await Outside.start(netnsPath(lab.state.nodeNetns));
    await expectAnswers(outside, pod);
    using stream = new EchoStream(netnsPath(lab.state.nodeNetns), pod, 7);
    expect(await stream.echoes("before")).toBe(true);
    await waitUntil(async () => (await counted()) > 0, 60_000, 500);
    const [inner, downs] = [await within(), await carriers()];
    expect(inner).toContain("ESTABLISHED");
    await using lan = await countOnLan();
    await using sniffer = await Sniffer.on(lan.netns.path, "eth0");
    const running: Running = { first, pod, outside, stream, lan, sniffer, inner, downs };

    await expectUnansweredRefused(first);
    const second = await migrateOnce(running);
    expectFirstGone(running, second);
    await expectLanFollowed(running);
    await expectTraffic(running, addressOf(second));
    await expectLeaseRenewed();
    await expectHealthy(second);
    await expectToSurviveTarget(running, second);
    await expectLinkRefreshed(running);

    // The command that started it in the foreground goes on with it, and ends it.
    expect(foreground.exitCode).toBe(null);
    foreground.kill("SIGINT");
    expect(await ended).toBe(130);
    outside[Symbol.dispose]();
    stream[Symbol.dispose]();
    expect(await machineState()).toEqual(before);
  },
);

test("what cannot be migrated is refused with its reason, before anything starts", LONG, async () => {
  const slirp = demoVmi({ name: "one", port: 80, nonce: "x" }).replace("masquerade: {}", "binding: {name: slirp}");
  await lab.start(slirp, "--wait", "0");
  const refused = await netbind(["migrate", "one", "-o", "json"], { env: lab.env });
  expect(refused.code).toBe(3);
  expect(refused.stderr).toContain('binding "slirp" of NIC "red" cannot be migrated');
  expect(JSON.parse(refused.stdout)).toMatchObject({
    error: { violations: [{ field: "spec.domain.devices.interfaces[0]" }] },
  });
  expect(refused.stderr).not.toContain("making the target pod");
  expect((await netbind(["migrate", "two"], { env: lab.env })).code).toBe(4);
  await lab.stop("one");
});
