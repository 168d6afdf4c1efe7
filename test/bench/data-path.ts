/** Packets from outside a pod to its tap: Netbind's rules against a bridge, a tap and two rules made by hand. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { inNetns, exec, waitUntil } from "@netbind/netns";
import masquerade from "@netbind/plugin-masquerade";
import { attachNic } from "../support/netns/attach-nic.ts";
import { TestNetns } from "../support/netns/netns.ts";
import type { Comparison } from "./report.ts";

const NAMES = { pod: "eth0", tap: "tap0", bridge: "k6t-eth0", adopted: "eth0-nic" };
const GUEST_MAC = "02:00:00:00:00:07";
const PACKETS = 200_000;

const HAND_LINKS = [
  "link add name k6t-eth0 address 02:00:00:00:00:00 type bridge",
  "link set k6t-eth0 mtu 1450",
  "addr add 10.0.2.1/24 dev k6t-eth0",
  "link set k6t-eth0 up",
  "tuntap add dev tap0 mode tap user 107 group 107 vnet_hdr",
  "link set tap0 mtu 1450",
  "link set tap0 master k6t-eth0",
  "link set tap0 up",
];
const HAND_RULES =
  "table ip n { chain p { type nat hook prerouting priority -100; iifname eth0 dnat to 10.0.2.2; }; chain q { type nat hook postrouting priority 100; ip saddr 10.0.2.2 masquerade; }; }";

async function byHand(pod: TestNetns): Promise<void> {
  await pod.exec(["ip", "-batch", "-"], { stdin: `${HAND_LINKS.join("\n")}\n` });
  await pod.exec(["sysctl", "-q", "-w", "net.ipv4.ip_forward=1"]);
  await pod.exec(["sh", "-c", 'printf %s "$0" | nft -f -', HAND_RULES]);
}

/** A pod with a sender outside, and somebody who reads its tap as a hypervisor would. */
class Path implements AsyncDisposable {
  readonly outside: TestNetns;
  readonly pod: TestNetns;
  readonly #reader: ChildProcess;

  private constructor(outside: TestNetns, pod: TestNetns, reader: ChildProcess) {
    this.outside = outside;
    this.pod = pod;
    this.#reader = reader;
  }

  static async make(make: (pod: TestNetns) => Promise<unknown>): Promise<Path> {
    const [outside, pod] = [await TestNetns.make(), await TestNetns.make()];
    await TestNetns.cable(outside, pod, ["v0", "eth0"], ["10.9.0.1/24", "10.9.0.2/24"], 1450);
    await make(pod);
    const reader = spawn(
      "nsenter",
      [`--net=${pod.path}`, "--", "socat", "-u", "TUN,tun-type=tap,tun-name=tap0,iff-no-pi", "OPEN:/dev/null"],
      {
        stdio: "ignore",
      },
    );
    const hasCarrier = async (): Promise<boolean> =>
      (await pod.exec(["ip", "link", "show", "dev", NAMES.tap])).includes("LOWER_UP");
    if (!(await waitUntil(hasCarrier, 5000))) throw new Error("nobody reads the tap");
    await pod.exec(["ip", "neigh", "replace", "10.0.2.2", "lladdr", GUEST_MAC, "dev", "k6t-eth0"]);
    await pod.exec(["bridge", "fdb", "replace", GUEST_MAC, "dev", "tap0", "master", "static"]);
    await outside.exec(["ping", "-c", "1", "-W", "1", "10.9.0.2"]).catch(() => "");
    return new Path(outside, pod, reader);
  }

  /** Sends packets, and gives packets a second at the tap, and microseconds of processor a packet. */
  async measure(): Promise<{ readonly rate: number; readonly cpu: number }> {
    const [packets, busy, start] = [await this.#received(), busyTime(), performance.now()];
    await inNetns(this.outside.path, exec)(
      [
        "mausezahn",
        "v0",
        "-q",
        "-c",
        String(PACKETS),
        "-t",
        "udp",
        "sp=1000,dp=2000",
        "-A",
        "10.9.0.1",
        "-B",
        "10.9.0.2",
        "-p",
        "64",
      ],
      { deadline: 60_000 },
    );
    const ms = performance.now() - start;
    const arrived = (await this.#received()) - packets;
    return { rate: (arrived / ms) * 1000, cpu: ((busyTime() - busy) * 10_000) / arrived };
  }

  async #received(): Promise<number> {
    const [link] = JSON.parse(
      await this.pod.exec(["ip", "-json", "-statistics", "link", "show", "dev", NAMES.tap]),
    ) as {
      stats64: { tx: { packets: number; dropped: number } };
    }[];
    return (link?.stats64.tx.packets ?? 0) + (link?.stats64.tx.dropped ?? 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#reader.kill("SIGKILL");
    await this.pod[Symbol.asyncDispose]();
    await this.outside[Symbol.asyncDispose]();
  }
}

/** Hundredths of a second that the machine's processors were not idle. */
function busyTime(): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = (
    readFileSync("/proc/stat", "utf8").split("\n")[0] ?? ""
  )
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return user + nice + system + irq + softirq;
}

export async function benchDataPath(runs = 9): Promise<readonly Comparison[]> {
  await using ours = await Path.make((pod) => attachNic(pod, masquerade, { names: NAMES, mac: GUEST_MAC }));
  await using hand = await Path.make(byHand);
  const rates = { ours: [] as number[], hand: [] as number[] };
  const cpus = { ours: [] as number[], hand: [] as number[] };
  for (let at = 0; at < runs + 1; at++) {
    const [mine, theirs] = [await ours.measure(), await hand.measure()];
    // The first round warms both up.
    if (at === 0) continue;
    rates.ours.push(mine.rate);
    rates.hand.push(theirs.rate);
    cpus.ours.push(mine.cpu);
    cpus.hand.push(theirs.cpu);
  }
  const against = "bridge, tap and two rules by hand";
  return [
    {
      what: "namespace to tap",
      unit: "packets/s",
      ours: rates.ours,
      theirs: rates.hand,
      against,
      goal: { ratio: 0.98, better: "larger" },
    },
    { what: "namespace to tap, processor a packet", unit: "us", ours: cpus.ours, theirs: cpus.hand, against },
  ];
}
