import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Attachment } from "@netbind/contract";
import { domainName, findVm, listVms, netnsPath, type VmStatus } from "@netbind/local";
import { exec, isAlive, scaledTimeout, processesIn, waitUntil } from "@netbind/netns";
import { expect, test } from "vitest";
import { launcherOf } from "../../core/local/src/launcher/launcher-of.ts";
import { type LocalPodRecord, openRecord } from "../../core/local/src/record/local-pod-record.ts";
import { vmOfPod } from "../../core/local/src/record/state.ts";
import { demoVmi } from "../demo/vmi.ts";
import { bundlePlugin } from "../support/build/bundle.ts";
import { Sniffer } from "../support/peers/frames.ts";
import { KillLab } from "../support/kill/kill-lab.ts";
import { useLab } from "../support/guest/lab.ts";
import { machineState } from "../support/guest/machine.ts";
import { netbind } from "../support/guest/netbind.ts";
import { countedUp, CountingHost, type Counts } from "../support/kill/counting-host.ts";
import { Outside, OUTSIDE_PORTS } from "../support/peers/outside.ts";
import { EchoStream } from "../support/peers/stream.ts";

const MAIN = fileURLToPath(new URL("../../core/cli/src/main.ts", import.meta.url));
const STALL_TARGET = new URL("../support/kill/stall-target.ts", import.meta.url).href;
const MIGRATE = ["--conditions=@netbind/source", MAIN, "migrate", "one", "--wait", "0"];
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

/** A process' name; none of one that has just ended. */
function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8");
  } catch {
    return "";
  }
}

/** Runs the VM in the foreground, as a person does, and gives the process. */
function runInForeground(file: string, plugin: string): ReturnType<typeof spawn> {
  const args = ["run", "-f", file, "--plugin", plugin, "--wait", "0"];
  return spawn(process.execPath, ["--conditions=@netbind/source", MAIN, ...args], { env: { ...process.env, ...lab.env }, stdio: "ignore" });
}

const migrate = (): ReturnType<typeof netbind> => netbind(["migrate", "one", "-o", "json", "--wait", "60"], { env: lab.env });
const netnsOf = (): string => findVm(lab.state, "one").netns;
/** A NIC as it is attached in a pod. */
const nicOf = ({ attached = [] }: LocalPodRecord, nic: string): Attachment =>
  attached.find(({ name }) => name === nic) ?? expect.fail(`the pod has no NIC ${nic}`);
const counted = async (): Promise<number> => Number(await lab.inGuest("one", "wc -l < /run/counted"));
const within = (): Promise<string> => lab.inGuest("one", "netstat -tn | grep '127.0.0.1:7 *ESTABLISHED'");
/** Two TCP connections between the guest and somebody on its layer 2 network, one each way, that count. */
async function countOnLan(): Promise<CountingHost> {
  const host = await CountingHost.plugInto(lab.state.nodeNetns, "lan0", `${GREEN.outside}/24`);
  const address = `n=$(grep -l ${GREEN.mac} /sys/class/net/*/address); n=\${n%/address}; ip addr add ${GREEN.guest}/24 dev \${n##*/}`;
  await lab.inGuest("one", address);
  await host.count(GREEN.guest, 7, OUTSIDE_PORTS.tcp);
  const count = `while :; do i=$((i + 1)); echo $i; usleep 50000; done | nc ${GREEN.outside} ${OUTSIDE_PORTS.tcp}`;
  await lab.inGuest("one", `sh -c '${count}' > /dev/null 2>&1 &`);
  const both = async (): Promise<boolean> => Object.values(await host.counts()).every((value) => !["", 0].includes(value));
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

/** How often a NIC's link went down and came up, as the guest saw it. */
const carriers = (): Promise<string> => lab.inGuest("one", "for n in /sys/class/net/eth*; do cat $n/address $n/carrier_down_count; done");

test("a guest is migrated: what it had goes on, what is new leaves by its next pod, and nothing of the first is left", LONG, async () => {
  const before = await machineState();
  const file = join(lab.directory, "vm.yaml");
  writeFileSync(file, VMI);
  const foreground = runInForeground(file, bundlePlugin("refreshed", lab.directory));
  const ended = new Promise((resolve) => foreground.once("close", resolve));
  await waitUntil(() => listVms(lab.state)[0]?.phase === "running", 200_000, 200);
  await lab.booted("one");
  const first = findVm(lab.state, "one");
  const pod = nicOf(first, "red").pod.addresses[0]?.split("/")[0] ?? "";
  using outside = await Outside.start(netnsPath(lab.state.nodeNetns));
  await waitUntil(async () => (await outside.connect(pod, 7)) === "connected", 60_000, 500);
  using stream = new EchoStream(netnsPath(lab.state.nodeNetns), pod, 7);
  expect(await stream.echoes("before")).toBe(true);
  await waitUntil(async () => (await counted()) > 0, 60_000, 500);
  const [inner, downs] = [await within(), await carriers()];
  expect(inner).toContain("ESTABLISHED");

  await using lan = await countOnLan();
  await using sniffer = await Sniffer.on(lan.netns.path, "eth0");

  const migrated = await migrate();
  expect(migrated.code, migrated.stderr).toBe(0);
  const status = JSON.parse(migrated.stdout) as VmStatus & { from: string; downtime: number };
  expect(status).toMatchObject({ phase: "running", from: first.netns, netns: netnsOf(), createdAt: first.createdAt });
  expect(status.downtime).toBeGreaterThan(0);
  const red = status.nics.find(({ name }) => name === "red");
  expect(red).toMatchObject({ guestAddresses: ["10.0.2.2", "fd10:0:2::2"], mac: nicOf(first, "red").mac });
  const next = red?.podAddresses[0] ?? "";
  expect([pod, next]).toEqual([expect.stringMatching(/^10\.244\.0\.\d+$/), expect.stringMatching(/^10\.244\.0\.\d+$/)]);
  expect(next).not.toBe(pod);

  const second = findVm(lab.state, "one");
  expect(second.attached?.map(({ cause, mac, name }) => ({ cause, mac, name }))).toEqual(
    first.attached?.map(({ mac, name }) => ({ cause: "migrationTarget", mac, name })),
  );
  expect(nicOf(second, "red").pod.mac).not.toBe(nicOf(first, "red").pod.mac);
  expect(second.serviceUid).not.toBe(first.serviceUid);
  expect(first.processes.flatMap(({ processes }) => processes).filter(isAlive)).toEqual([]);
  expect([existsSync(netnsPath(first.netns)), existsSync(lab.state.podDirectory(first.id)), second.migration]).toEqual([
    false,
    false,
    undefined,
  ]);

  // The layer 2 network: both connections go on where they were, the bridge has learned the guest's next port, and the first is gone.
  await expectUnbroken(lan, await lan.counts());
  const announced = (await sniffer.frames()).filter(({ source, type }) => source === GREEN.mac && type === RARP);
  expect(announced.length).toBeGreaterThan(0);
  // The guest was at the port of its first pod until it came, and at the next one's since then: nobody else used its address.
  const learned = lan.portsOf(GREEN.mac);
  expect(learned).toHaveLength(2);
  const ports = await lan.onNode(["ip", "-br", "link", "show", "master", "lan0"]);
  expect(learned.map((port) => ports.includes(port))).toEqual([false, true]);
  expect(await lab.inGuest("one", "ip addr")).toMatch(new RegExp(`${GREEN.mac}[\\s\\S]*inet ${GREEN.guest}/24`));

  // What the guest had within itself goes on, over the very same connection; what came from outside has ended.
  expect(await within()).toBe(inner);
  const count = await counted();
  await waitUntil(async () => (await counted()) > count, 30_000, 300);
  expect(await counted()).toBeGreaterThan(count);
  expect(await stream.echoes("after")).toBe(false);
  expect((await outside.fetch(`http://${next}/`)).trim()).toBe("n0nce");
  expect(await outside.connect(pod, 80)).not.toBe("connected");
  await lab.inGuest("one", `echo moved | nc -w 3 10.244.0.1 ${OUTSIDE_PORTS.tcp}`);
  expect((await outside.sees("tcp", "moved")).address).toBe(next);

  // The lease is renewed by the only server that is left: the next pod's.
  await lab.inGuest("one", "rm /run/lease.eth0; kill -USR1 $(cat /run/udhcpc.eth0)");
  await waitUntil(async () => (await lab.inGuest("one", "ls /run")).includes("lease.eth0"), 30_000, 500);
  const lease = await lab.inGuest("one", "cat /run/lease.eth0");
  expect(lease).toMatch(/^ip=10\.0\.2\.2\s*$/m);
  expect(lease).toMatch(/^serverid=10\.0\.2\.1\s*$/m);

  expect(await netbind(["check"], { env: lab.env })).toMatchObject({ code: 0, stdout: "default/one: healthy\n" });
  expect((await netbind(["gc"], { env: lab.env })).stdout).toBe("nothing to remove\n");
  expect(JSON.parse((await netbind(["status", "one", "-o", "json"], { env: lab.env })).stdout)).toMatchObject({ netns: second.netns });

  // A target whose QEMU dies in the middle: the guest stays, and nothing of that pod is left.
  const target = lab.state.podNetns(lab.state.nextPodId(second.id.slice(0, 12)));
  const failing = migrate();
  const victim = (): number | undefined => processesIn(netnsPath(target)).find(({ pid }) => nameOf(pid).startsWith("qemu"))?.pid;
  await waitUntil(() => victim() !== undefined, 120_000, 5);
  process.kill(victim() ?? 0, "SIGKILL");
  const failed = await failing;
  expect(failed.code).toBe(1);
  expect(findVm(lab.state, "one")).toEqual(second);
  expect(existsSync(netnsPath(target))).toBe(false);
  expect(lab.state.podIds()).toEqual([second.id]);
  expect((await outside.fetch(`http://${next}/`)).trim()).toBe("n0nce");
  expect((await netbind(["check"], { env: lab.env })).stdout).toBe("default/one: healthy\n");

  // The link of the NIC that asks for it went down and up; the other's never did. A guest that is short of CPU may miss it once.
  const seen = (text: string): Record<string, number> =>
    Object.fromEntries([...text.matchAll(/([0-9a-f:]{17})\s+(\d+)/g)].map(([, mac, times]) => [mac, Number(times)]));
  const [blueMac, redMac] = ["02:00:00:00:00:77", nicOf(first, "red").mac];
  const was = seen(downs);
  let is = seen(await carriers());
  for (let times = 0; times < 2 && is[blueMac] === was[blueMac]; times++) {
    expect((await migrate()).code).toBe(0);
    is = seen(await carriers());
  }
  expect(is[blueMac]).toBeGreaterThan(was[blueMac] ?? 0);
  expect(is[redMac]).toBe(was[redMac]);
  await expectUnbroken(lan, await lan.counts());

  // The command that started it in the foreground goes on with it, and ends it.
  expect(foreground.exitCode).toBe(null);
  foreground.kill("SIGINT");
  expect(await ended).toBe(130);
  outside[Symbol.dispose]();
  stream[Symbol.dispose]();
  expect(await machineState()).toEqual(before);
});

test("what cannot be migrated is refused with its reason, before anything starts", LONG, async () => {
  const slirp = demoVmi({ name: "one", port: 80, nonce: "x" }).replace("masquerade: {}", "binding: {name: slirp}");
  await lab.start(slirp, "--wait", "0");
  const refused = await netbind(["migrate", "one", "-o", "json"], { env: lab.env });
  expect(refused.code).toBe(3);
  expect(refused.stderr).toContain('binding "slirp" of NIC "red" cannot be migrated');
  expect(JSON.parse(refused.stdout)).toMatchObject({ error: { violations: [{ field: "spec.domain.devices.interfaces[0]" }] } });
  expect(refused.stderr).not.toContain("making the target pod");
  expect((await netbind(["migrate", "two"], { env: lab.env })).code).toBe(4);
  await lab.stop("one");
});

/** The libvirt of a pod. */
const libvirtIn = (netns: string): number =>
  processesIn(netnsPath(netns)).find(({ pid }) => nameOf(pid).startsWith("libvirtd"))?.pid ?? expect.fail("no libvirt runs");

/** Stops a pod's libvirt, as one that hangs: its socket is there, takes connections, and never answers. Goes on where disposed of. */
function stall(netns: string): Disposable {
  const pid = libvirtIn(netns);
  process.kill(pid, "SIGSTOP");
  return {
    [Symbol.dispose]: () => {
      // It may have ended with its pod.
      if (nameOf(pid).startsWith("libvirtd")) process.kill(pid, "SIGCONT");
    },
  };
}

/** Migrates the VM, and does something once the text was told. */
async function migrateUntil(
  text: string,
  act: (child: ReturnType<typeof spawn>) => void,
): Promise<{ readonly code: unknown; readonly stderr: string }> {
  const child = spawn(process.execPath, MIGRATE, { env: { ...process.env, ...lab.env }, stdio: ["ignore", "ignore", "pipe"] });
  const ended = new Promise((resolve) => child.once("close", resolve));
  let stderr = "";
  let acted: unknown;
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk.toString("utf8");
    if (acted === undefined && stderr.includes(text)) acted = act(child) ?? true;
  });
  const code = await ended;
  await acted;
  return { code, stderr };
}

test("a libvirt that does not answer keeps nobody waiting, and leaves the VM in one healthy pod", LONG, async () => {
  await lab.start(demoVmi({ name: "one", port: 80, nonce: "x" }), "--wait", "0");
  await lab.booted("one");
  const first = findVm(lab.state, "one");
  const target = (): string => lab.state.podNetns(lab.state.nextPodId(vmOfPod(first.id)));
  const expectUntouched = async (what: string): Promise<void> => {
    expect([findVm(lab.state, "one").netns, lab.state.podIds()], what).toEqual([first.netns, [first.id]]);
    const checked = await netbind(["check"], { env: lab.env });
    expect(checked.stdout, what).toBe("default/one: healthy\n");
    expect((await lab.inGuest("one", 'echo al""ive')).trim(), what).toContain("alive");
  };

  // Before anything is made.
  {
    using _ = stall(first.netns);
    const refused = await migrate();
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("it did not finish within")]);
    expect(refused.stderr).not.toContain("making the target pod");
  }
  await expectUntouched("the source's, before");

  // While the guest is about to move; and a signal ends it as signals do, whatever libvirt does.
  for (const [whose, signal, code] of [
    ["source", undefined, 1],
    ["source", "SIGINT", 130],
    ["target", undefined, 1],
    ["target", "SIGTERM", 143],
  ] as const) {
    const stalled: Disposable[] = [];
    const netns = whose === "source" ? first.netns : target();
    const started = performance.now();
    const ended = await migrateUntil("moving the guest", (child) => {
      stalled.push(stall(netns));
      if (signal !== undefined) child.kill(signal);
    });
    const what = `${whose} ${signal}: ${ended.stderr}`;
    expect(ended.code, what).toBe(code);
    expect(performance.now() - started, what).toBeLessThan(scaledTimeout(180_000));
    for (const one of stalled) one[Symbol.dispose]();
    if (lab.state.podIds().length > 1) {
      expect(ended.stderr, what).toContain("two pods of VM default/one are left");
      expect(ended.stderr, what).toContain("run netbind apply default/one or netbind gc");
    }
    expect((await netbind(["apply", "one"], { env: lab.env })).code, what).toBe(0);
    await expectUntouched(what);
  }
  await lab.stop("one");
});

test.each(["source", "target"] as const)(
  "the %s's libvirt hangs while the guest moves: what is left is said, and apply ends it",
  LONG,
  async (whose) => {
    await lab.start(demoVmi({ name: "one", port: 80, nonce: "x" }), "--wait", "0");
    await lab.booted("one");
    const first = findVm(lab.state, "one");
    const target = lab.state.podNetns(lab.state.nextPodId(vmOfPod(first.id)));
    let stalled: Disposable | undefined;
    const isMoving = (): boolean => processesIn(netnsPath(target)).some(({ pid }) => nameOf(pid).startsWith("qemu"));
    const started = performance.now();
    const ended = await migrateUntil("moving the guest", async () => {
      if (await waitUntil(isMoving, 60_000, 5)) stalled = stall(whose === "source" ? first.netns : target);
    });
    expect(performance.now() - started, ended.stderr).toBeLessThan(scaledTimeout(240_000));
    expect([ended.code, stalled === undefined], ended.stderr).toEqual([1, false]);
    if (lab.state.podIds().length > 1) expect(ended.stderr).toContain("run netbind apply default/one or netbind gc");
    stalled?.[Symbol.dispose]();
    const applied = await netbind(["apply", "one"], { env: lab.env });
    expect(applied.code, applied.stderr).toBe(0);
    expect(lab.state.podIds()).toHaveLength(1);
    expect((await netbind(["check"], { env: lab.env })).stdout, ended.stderr).toBe("default/one: healthy\n");
    expect(await lab.inGuest("one", 'echo al""ive')).toContain("alive");
    await lab.stop("one");
  },
);

test("a target that takes the guest only after netbind was killed, while gc ends what is left: the guest is not lost", LONG, async () => {
  await lab.start(demoVmi({ name: "one", port: 80, nonce: "x" }), "--wait", "0");
  await lab.booted("one");
  const first = findVm(lab.state, "one");
  const next = lab.state.nextPodId(vmOfPod(first.id));
  const isUnderWay = async (): Promise<boolean> =>
    (await launcherOf(exec, first).virsh(["domjobinfo", domainName(first.vmi)])).includes("Outgoing migration");
  const env = { ...lab.env, NODE_OPTIONS: `--import=${STALL_TARGET}`, NETBIND_STALL: lab.state.podNetns(next) };
  const child = spawn(process.execPath, MIGRATE, { env: { ...process.env, ...env }, stdio: "ignore" });
  const ended = new Promise((resolve) => child.once("close", resolve));
  expect(await waitUntil(isUnderWay, 60_000)).toBe(true);
  child.kill("SIGKILL");
  await ended;

  // The target's sidecars keep the pod's end waiting, for as long as the guest needs to come.
  const record = (): LocalPodRecord | undefined => openRecord(lab.state.podDirectory(next))?.record;
  const sidecars = record()?.processes.filter(({ role }) => role.startsWith("sidecar")) ?? [];
  expect(sidecars).toHaveLength(1);
  for (const { processes } of sidecars) process.kill(processes.at(-1)?.pid ?? expect.fail("a sidecar has no process"), "SIGSTOP");
  const libvirt = libvirtIn(lab.state.podNetns(next));
  const collected = netbind(["gc"], { env: { ...lab.env, NETBIND_TIMEOUT_SCALE: "10" } });
  await waitUntil(() => record()?.phase === "stopping", 5000);
  process.kill(libvirt, "SIGCONT");
  const { code, stderr } = await collected;
  expect(code, stderr).toBe(0);
  expect((await netbind(["apply"], { env: lab.env })).code).toBe(0);
  expect((await netbind(["check"], { env: lab.env })).stdout, stderr).toBe("default/one: healthy\n");
  expect(await lab.inGuest("one", 'echo al""ive')).toContain("alive");
  expect(lab.state.podIds()).toHaveLength(1);
  await lab.stop("one");
});

/** One point of each kind of step: the slow tier kills at all of them. */
const KINDS: readonly { readonly of: RegExp; readonly which: "first" | "last" }[] = [
  { of: /started prlimit/, which: "last" },
  // virsh asks the source's libvirt; the guest has moved.
  { of: /started virsh migrate/, which: "first" },
  { of: /ended virsh migrate/, which: "first" },
];

test("netbind killed at a point of each kind of step of a migration: one healthy VM, in one pod", LONG, async () => {
  await using kill = await KillLab.make();
  await kill.start();
  const points = await kill.traceMigration();
  for (const [at, { of, which }] of KINDS.entries()) {
    const found = which === "first" ? points.findIndex((point) => of.test(point)) : points.findLastIndex((point) => of.test(point));
    expect(found, `${of} is not among:\n${points.join("\n")}`).toBeGreaterThanOrEqual(0);
    await kill.killMigration(found + 1, at % 2 === 0 ? "apply" : "gc");
  }
});
