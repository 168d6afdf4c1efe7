/** `netbind run` until its guest has its address, against the same domain created by hand under the same libvirt. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { ensureImage, State, stateDirectories } from "@netbind/local";
import { awaitAnswer, endProcesses, identify, processesIn, exec, waitUntil } from "@netbind/netns";
import type { Launcher } from "../../core/local/src/launcher/launcher.ts";
import { startLauncher } from "../../core/local/src/launcher/libvirt.ts";
import { hypervisorNodes } from "../../core/local/src/launcher/launcher-mounts.ts";
import { DEMO_GUEST } from "../../core/local/src/launcher/image.ts";
import { makeDirectory } from "../../core/netns/src/files/root-files.ts";
import { BUILT, netbind } from "../support/guest/netbind.ts";
import { TestNetns } from "../support/netns/netns.ts";
import type { Comparison } from "./report.ts";

const VMI = `apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata: {name: bench}
spec:
  domain:
    resources: {requests: {memory: 192Mi}}
    devices:
      interfaces: [{name: red, masquerade: {}}]
  networks: [{name: red, pod: {}}]
`;
const DNSMASQ = (mac: string): string =>
  `port=0\nno-resolv\nno-hosts\nleasefile-ro\nno-ping\ninterface=k6t-eth0\nbind-interfaces\nexcept-interface=lo\npid-file=\ndhcp-authoritative\ndhcp-range=10.0.2.2,static,255.255.255.0,infinite\ndhcp-host=${mac},10.0.2.2,infinite\n`;

/** Netbind's own way, and the domain that it made. */
async function ours(directory: string): Promise<{ readonly ms: number; readonly domainXml: string }> {
  const env = { NETBIND_STATE_DIR: directory };
  const ipam = {
    type: "host-local",
    ranges: [[{ subnet: "10.66.0.0/24" }]],
    routes: [{ dst: "0.0.0.0/0" }],
    dataDir: join(directory, "ipam"),
  };
  const pods = join(directory, "pods.json");
  writeFileSync(
    pods,
    JSON.stringify({
      cniVersion: "1.0.0",
      name: "p",
      plugins: [{ type: "bridge", bridge: "cni0", isGateway: true, ipam }],
    }),
  );
  const start = performance.now();
  const outcome = await netbind(["run", "-f", "-", "--keep", "--pod-network", pods], {
    env,
    stdin: VMI,
    program: BUILT,
  });
  const ms = performance.now() - start;
  if (outcome.code !== 0) throw new Error(outcome.stderr);
  const state = new State({ ...stateDirectories(process.env), state: directory });
  const [id = ""] = state.vmIds();
  const { domainXml } = JSON.parse(readFileSync(join(state.podDirectory(id), "record.json"), "utf8")) as {
    domainXml: string;
  };
  await netbind(["stop", "--force", "bench"], { env });
  return { ms, domainXml };
}

async function createByHand(
  pod: TestNetns,
  outside: TestNetns,
  directory: string,
  domainXml: string,
): Promise<Launcher> {
  const mac = /<mac address='([^']+)'/.exec(domainXml)?.[1] ?? "";
  await TestNetns.cable(outside, pod, ["v0", "eth0"], ["10.66.0.1/24", "10.66.0.2/24"], 1500);
  const batch = [
    "link add name k6t-eth0 address 02:00:00:00:00:00 type bridge",
    "addr add 10.0.2.1/24 dev k6t-eth0",
    "link set k6t-eth0 up",
    "tuntap add dev tap0 mode tap user 107 group 107 vnet_hdr",
    "link set tap0 master k6t-eth0",
    "link set tap0 up",
  ];
  await pod.exec(["ip", "-batch", "-"], { stdin: `${batch.join("\n")}\n` });
  // Asked as often as Netbind asks: else what is measured is the kernel's second between two questions.
  await pod.exec(["sysctl", "-q", "-w", "net.ipv4.ip_forward=1", "net.ipv4.neigh.k6t-eth0.retrans_time_ms=200"]);
  const rules =
    "table ip n { chain p { type nat hook prerouting priority -100; iifname eth0 dnat to 10.0.2.2; }; chain q { type nat hook postrouting priority 100; ip saddr 10.0.2.2 masquerade; }; }";
  await pod.exec(["sh", "-c", 'printf %s "$0" | nft -f -', rules]);
  writeFileSync(join(directory, "dnsmasq.conf"), DNSMASQ(mac));
  await pod.exec(["dnsmasq", `--conf-file=${join(directory, "dnsmasq.conf")}`]);
  const { cache } = stateDirectories(process.env);
  const image = await ensureImage(exec, cache, () => undefined);
  const place = join(directory, "launcher");
  const spec = {
    netns: pod.path,
    image,
    domain: "by-hand",
    hostname: "launcher",
    directory: place,
    pod: directory,
    shared: join(directory, "shared"),
    user: { uid: 107, gid: 107 },
    nodes: hypervisorNodes({ kvm: domainXml.includes("type='kvm'"), vhost: false }),
    disks: [],
  };
  makeDirectory(spec.shared, 0o711);
  const launcher = await startLauncher(exec, spec, () => undefined);
  await launcher.create(domainXml);
  connect(join(place, "run/serial.sock"))
    .on("data", () => undefined)
    .on("error", () => undefined)
    .unref();
  return launcher;
}

/** The same state and the same domain, by commands that somebody typed. */
async function byHand(directory: string, domainXml: string): Promise<number> {
  makeDirectory(directory, 0o711);
  const start = performance.now();
  await using outside = await TestNetns.make();
  await using pod = await TestNetns.make();
  const launcher = await createByHand(pod, outside, directory, domainXml);
  if (!(await awaitAnswer(pod.exec, { address: "10.0.2.2", seconds: 60 })))
    throw new Error("the guest by hand does not answer");
  const ms = performance.now() - start;
  await endProcesses([...launcher.processes, ...processesIn(pod.path)]);
  rmSync(directory, { recursive: true });
  return ms;
}

/** QEMU alone, with its own user networking and no libvirt: the floor. */
async function qemuAlone(): Promise<number> {
  const { rootfs } = await ensureImage(exec, stateDirectories(process.env).cache, () => undefined);
  const sandbox = [
    "--unshare-all",
    "--die-with-parent",
    "--ro-bind",
    rootfs,
    "/",
    "--dev",
    "/dev",
    "--proc",
    "/proc",
    "--tmpfs",
    "/tmp",
  ];
  const machine = [
    "-nodefaults",
    "-display",
    "none",
    "-no-reboot",
    "-machine",
    "q35",
    "-accel",
    "tcg",
    "-cpu",
    "max",
    "-m",
    "192",
  ];
  const boot = [
    "-kernel",
    DEMO_GUEST.kernel,
    "-initrd",
    DEMO_GUEST.initrd,
    "-append",
    "console=ttyS0 quiet panic=-1 tsc=reliable",
  ];
  const net = ["-netdev", "user,id=n", "-device", "virtio-net-pci,netdev=n", "-serial", "stdio"];
  const start = performance.now();
  const qemu = spawn("bwrap", [...sandbox, "qemu-system-x86_64", ...machine, ...boot, ...net], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  let printed = "";
  qemu.stdout.on("data", (chunk: Buffer) => {
    printed += chunk.toString("utf8");
  });
  await waitUntil(() => /nic=\S+ .*address=10\./.test(printed), 60_000, 10);
  const ms = performance.now() - start;
  const id = qemu.pid === undefined ? undefined : identify(qemu.pid);
  await endProcesses(id === undefined ? [] : [id]);
  return ms;
}

export async function benchGuest(runs = 7): Promise<readonly Comparison[]> {
  const directory = mkdtempSync("/run/netbind-bench-");
  const times = { ours: [] as number[], byHand: [] as number[], alone: [] as number[] };
  // Once for the page cache.
  await ours(directory);
  for (let at = 0; at < runs; at++) {
    const { ms, domainXml } = await ours(directory);
    times.ours.push(ms);
    times.byHand.push(await byHand(join(directory, `hand${at}`), domainXml));
    times.alone.push(await qemuAlone());
  }
  rmSync(directory, { recursive: true });
  const what = "netbind run until the guest has its address, warm";
  return [
    {
      what,
      unit: "ms",
      ours: times.ours,
      theirs: times.byHand,
      against: "the same domain by hand under the same libvirt",
      goal: { ratio: 1.1, better: "smaller" },
    },
    { what, unit: "ms", ours: times.ours, theirs: times.alone, against: "QEMU alone with user networking" },
  ];
}
