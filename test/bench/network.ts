/** Pod network set-up and teardown of one NIC against the same by hand, and against the CNI bridge plugin's ADD and DEL. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { releasedGrants } from "@netbind/bindings";
import type { Binding } from "@netbind/contract";
import { anAttachment } from "@netbind/contract/testing";
import {
  attachmentOf,
  authorize,
  countOperations,
  type DecidedNic,
  diffNetwork,
  grantsOf,
  nicTable,
  type ObservedNetwork,
  type Operations,
  podLinkOf,
  teardownNetwork,
  desiredNetwork,
  type DesiredNetwork,
} from "@netbind/engine";
import { applyNetwork, observe, exec, PodNetwork } from "@netbind/netns";
import bridge from "@netbind/plugin-bridge";
import masquerade from "@netbind/plugin-masquerade";
import passt from "@netbind/plugin-passt";
import { PodRecordFile } from "@netbind/pod";
import type { LocalPodRecord, LocalRecordFile } from "../../core/local/src/record/local-pod-record.ts";
import { cniAdd, cniDel } from "../../core/local/src/networks/cni.ts";
import { TestNetns } from "../support/netns/netns.ts";
import { type Comparison, timed } from "./report.ts";

/** The bindings that do something to a pod's network. */
const BINDINGS: readonly Binding[] = [masquerade, bridge, passt];
const NAMES = { pod: "eth0", tap: "tap0", bridge: "k6t-eth0", adopted: "eth0-nic" };
const FACTS = { resolvConf: { nameservers4: ["10.96.0.10"], nameservers6: [], search: [] }, hostname: "vm" };
const MAKING = { owner: { uid: 107, gid: 107 }, placeholderKind: "bridge" } as const;

/** How long it took to make something, and to take it away. */
interface Times {
  readonly up: number;
  readonly down: number;
}

async function preparePod(outside: TestNetns): Promise<TestNetns> {
  const pod = await TestNetns.make();
  await TestNetns.cable(outside, pod, ["v0", "eth0"], ["10.9.0.1/24", "10.9.0.2/24"], 1450);
  return pod;
}

function journalIn(directory: string): LocalRecordFile {
  const id = basename(directory);
  return PodRecordFile.create(directory, {
    version: 1,
    id,
    nics: {},
    processes: [],
    attachments: [],
  } as unknown as LocalPodRecord);
}

async function look(pod: TestNetns, desired?: DesiredNetwork): Promise<ObservedNetwork> {
  return observe(pod.exec, { table: desired?.table ?? nicTable("eth0") });
}

function beforeOf(observed: ObservedNetwork): NonNullable<ReturnType<typeof podLinkOf>> {
  const podLink = podLinkOf(observed, "eth0");
  if (podLink === undefined) throw new Error("the pod has no link");
  return podLink;
}

/** What Netbind does from the recorded observation on: plan, authorize, record, diff, apply, record; and back. */
async function ours(binding: Binding, pod: TestNetns, recordFile: LocalRecordFile): Promise<Times> {
  const { directory } = recordFile;
  const network = new PodNetwork({ netns: pod.path, exec, recordFile, owner: MAKING.owner, directory });
  const podLink = await network.recordOnce("red", "podLink", () => network.observe(NAMES));
  const nic = {
    spec: anAttachment({ ports: [{ protocol: "TCP", port: 80 }] }),
    ...{ mac: "02:00:00:00:00:07", index: 0, queues: 0, names: NAMES, migrationTransport: "unix" },
  };
  const up = await timed(async () => {
    const attachment = attachmentOf(nic as unknown as DecidedNic, podLink, FACTS);
    const grants = grantsOf(binding.name, releasedGrants());
    const plan = await network.recordOnce("red", "plan", async () =>
      authorize(binding.plan(attachment), { attachment, grants }),
    );
    await network.apply("red", desiredNetwork(NAMES, plan, podLink));
  });
  const desired = recordFile.record.nics["red"]?.desired;
  const made = await look(pod, desired);
  const down = await timed(async () => {
    const undo = desired && teardownNetwork(desired, made);
    if (undo !== undefined && countOperations(undo) > 0) await applyNetwork(pod.exec, undo);
  });
  return { up, down };
}

/** Operations as commands that somebody typed, each a program of its own. */
async function type(pod: TestNetns, { ip, sysctls, nft }: Operations): Promise<void> {
  const inPod = (argv: readonly string[], stdin = ""): Promise<string> =>
    exec(["nsenter", `--net=${pod.path}`, ...argv], { stdin });
  if (ip.length > 0) await inPod(["ip", "-batch", "-"], `${ip.join("\n")}\n`);
  if (sysctls.length > 0) await inPod(["sysctl", "-q", "-w", ...sysctls.map(({ key, value }) => `${key}=${value}`)]);
  if (nft.length > 0) await inPod(["sh", "-c", "cat | nft -j -f -"], JSON.stringify({ nftables: nft }));
}

/** The same by hand: what Netbind itself would do, known beforehand. */
async function byHand(binding: Binding, pod: TestNetns): Promise<Times> {
  const observed = await look(pod);
  const podLink = beforeOf(observed);
  const plan = binding.plan(anAttachment({ pod: podLink, ports: [{ protocol: "TCP", port: 80 }] }));
  const desired: DesiredNetwork = { ...desiredNetwork(NAMES, plan, podLink), ...MAKING };
  const make = diffNetwork(desired, observed);
  const up = await timed(() => type(pod, make));
  const undo = teardownNetwork(desired, await look(pod, desired));
  return { up, down: await timed(() => type(pod, undo)) };
}

/** One ADD and one DEL of the CNI bridge plugin, with an address from host-local. */
async function cniBridge(node: TestNetns, directory: string, at: number): Promise<Times> {
  await using pod = await TestNetns.make();
  const ipam = {
    type: "host-local",
    ranges: [[{ subnet: "10.55.0.0/16" }]],
    routes: [{ dst: "0.0.0.0/0" }],
    dataDir: join(directory, "ipam"),
  };
  const plugin = { type: "bridge", bridge: "cni0", isGateway: true, mtu: 1450, ipam };
  const config = { cniVersion: "1.0.0", name: "bench", plugins: [plugin] };
  const attachment = { network: "pod", ifname: "eth0", containerId: `bench-${at}`, config };
  const place = { exec, node: node.path, netns: pod.path };
  const up = await timed(() => cniAdd(place, attachment));
  return { up, down: await timed(() => cniDel(place, attachment)) };
}

async function inPod(act: (pod: TestNetns) => Promise<Times>): Promise<Times> {
  await using outside = await TestNetns.make();
  await using pod = await preparePod(outside);
  return await act(pod);
}

type Way = "ours" | "byHand" | "cni";

function compare(binding: string, times: Readonly<Record<Way, readonly Times[]>>): readonly Comparison[] {
  const row = (part: keyof Times, against: Exclude<Way, "ours">, words: string, ratio: number): Comparison => ({
    what: `${part === "up" ? "set-up" : "teardown"} of one ${binding} NIC, observation to ${part === "up" ? "applied" : "gone"}`,
    unit: "ms",
    ours: times.ours.map((one) => one[part]),
    theirs: times[against].map((one) => one[part]),
    against: words,
    goal: { ratio, better: "smaller" },
  });
  const up = [row("up", "byHand", "ip, sysctl and nft by hand", 1.5), row("up", "cni", "CNI bridge plugin's ADD", 1)];
  // A binding that made no link has none to take away.
  const isLess = times.byHand.every(({ down }) => down < 1);
  return isLess
    ? up
    : [...up, row("down", "byHand", "ip and nft by hand", 1.5), row("down", "cni", "CNI bridge plugin's DEL", 1)];
}

/**
 * What no teardown with a bridge can be below: the kernel's own time for a bridge that has no port, against its time for the
 * pair of links that the plugin's DEL removes. Ports and taps that leave in the same request add little to either.
 */
async function benchKernel(runs: number): Promise<Comparison> {
  await using pod = await TestNetns.make();
  const removal = async (...kind: readonly string[]): Promise<number> => {
    await pod.exec(["ip", "link", "add", "name", "x", "type", ...kind]);
    return await timed(() => pod.exec(["ip", "link", "del", "dev", "x"]));
  };
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (let at = 0; at < runs; at++) {
    ours.push(await removal("bridge"));
    theirs.push(await removal("veth", "peer", "name", "y"));
  }
  return { what: "removal of a bridge without ports, by hand", unit: "ms", ours, theirs, against: "of a veth pair" };
}

/** Alternately, so that a busy machine disturbs all alike. */
export async function benchNetwork(runs = 25): Promise<readonly Comparison[]> {
  const directory = mkdtempSync(join(tmpdir(), "netbind-bench-"));
  const rows: Comparison[] = [];
  await using node = await TestNetns.make();
  for (const binding of BINDINGS) {
    const times: Record<Way, Times[]> = { ours: [], byHand: [], cni: [] };
    for (let at = 0; at < runs; at++) {
      times.ours.push(await inPod((pod) => ours(binding, pod, journalIn(directory))));
      times.byHand.push(await inPod((pod) => byHand(binding, pod)));
      times.cni.push(await cniBridge(node, directory, at));
    }
    rows.push(...compare(binding.name, times));
  }
  rmSync(directory, { recursive: true });
  return [...rows, await benchKernel(runs)];
}
