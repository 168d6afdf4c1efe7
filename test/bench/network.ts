/** Pod network set-up of one NIC against the same state by hand, and against the CNI bridge plugin's ADD. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import {
  attachmentOf,
  authorize,
  type DecidedNic,
  diffNetwork,
  nicTable,
  podLinkOf,
  STANDARD_GRANTS,
  wantedNetwork,
  type WantedNetwork,
} from "@netbind/engine";
import { applyNetwork, observe, run } from "@netbind/netns";
import masquerade from "@netbind/plugin-masquerade";
import { cniAdd } from "../../core/local/src/networks/cni.ts";
import { Journal, type VmRecord } from "../../core/local/src/journal.ts";
import { anAttachment } from "../support/attachment.ts";
import { TestNetns } from "../support/netns.ts";
import { type Comparison, timed } from "./report.ts";

const NAMES = { pod: "eth0", tap: "tap0", bridge: "k6t-eth0", adopted: "eth0-nic" };
const OWNER = { uid: 107, gid: 107 };
const FACTS = { resolvConf: { nameservers4: ["10.96.0.10"], nameservers6: [], search: [] }, hostname: "vm" };

async function makePod(outside: TestNetns): Promise<TestNetns> {
  const pod = await TestNetns.make();
  await TestNetns.cable(outside, pod, ["v0", "eth0"], ["10.9.0.1/24", "10.9.0.2/24"], 1450);
  return pod;
}

function journalIn(directory: string): Journal {
  const id = basename(directory);
  return Journal.create(directory, { version: 1, id, nics: {}, processes: [], attachments: [] } as unknown as VmRecord);
}

/** What Netbind does from the recorded observation on: plan, authorise, record, diff, apply, record. */
async function ours(pod: TestNetns, journal: Journal): Promise<number> {
  const there = await observe(pod.run, { table: nicTable("eth0") });
  const before = podLinkOf(there, "eth0");
  if (before === undefined) throw new Error("the pod has no link");
  journal.updateNic("red", { before });
  const nic = {
    spec: anAttachment({ ports: [{ protocol: "TCP", port: 80 }] }),
    mac: "02:00:00:00:00:07",
    index: 0,
    queues: 0,
    names: NAMES,
    migrationTransport: "unix",
  };
  return timed(async () => {
    const attachment = attachmentOf(nic as unknown as DecidedNic, before, FACTS);
    const plan = authorize(masquerade.plan(attachment), attachment, STANDARD_GRANTS);
    journal.updateNic("red", { plan });
    const wanted: WantedNetwork = { ...wantedNetwork(NAMES, plan, before), owner: OWNER, placeholderKind: "dummy" };
    journal.updateNic("red", { wanted });
    await applyNetwork(pod.run, diffNetwork(wanted, there));
  });
}

/** The same state by hand: what Netbind itself would do, as three commands that somebody typed. */
async function byHand(pod: TestNetns): Promise<number> {
  const there = await observe(pod.run, { table: nicTable("eth0") });
  const before = podLinkOf(there, "eth0");
  if (before === undefined) throw new Error("the pod has no link");
  const attachment = anAttachment({ pod: before, ports: [{ protocol: "TCP", port: 80 }] });
  const wanted: WantedNetwork = { ...wantedNetwork(NAMES, masquerade.plan(attachment), before), owner: OWNER, placeholderKind: "dummy" };
  const { ip, sysctls, nft } = diffNetwork(wanted, there);
  const inPod = (argv: readonly string[], stdin = ""): Promise<string> => run(["nsenter", `--net=${pod.path}`, ...argv], { stdin });
  return timed(async () => {
    await inPod(["ip", "-batch", "-"], `${ip.join("\n")}\n`);
    await inPod(["sysctl", "-q", "-w", ...sysctls.map(({ key, value }) => `${key}=${value}`)]);
    await inPod(["sh", "-c", "cat | nft -j -f -"], JSON.stringify({ nftables: nft }));
  });
}

/** One ADD of the CNI bridge plugin, with an address from host-local. */
async function cniBridge(node: TestNetns, directory: string, at: number): Promise<number> {
  await using pod = await TestNetns.make();
  const ipam = {
    type: "host-local",
    ranges: [[{ subnet: "10.55.0.0/16" }]],
    routes: [{ dst: "0.0.0.0/0" }],
    dataDir: join(directory, "ipam"),
  };
  const plugin = { type: "bridge", bridge: "cni0", isGateway: true, mtu: 1450, ipam };
  const config = { cniVersion: "1.0.0", name: "bench", plugins: [plugin] };
  return await timed(() =>
    cniAdd({ run, node: node.path, netns: pod.path }, { network: "pod", ifname: "eth0", containerId: `bench-${at}`, config }),
  );
}

/** Alternately, so that a busy machine disturbs all alike. */
export async function benchNetwork(runs = 25): Promise<readonly Comparison[]> {
  const directory = mkdtempSync(join(tmpdir(), "netbind-bench-"));
  const times = { ours: [] as number[], byHand: [] as number[], cni: [] as number[] };
  await using node = await TestNetns.make();
  for (let at = 0; at < runs; at++) {
    {
      await using outside = await TestNetns.make();
      await using pod = await makePod(outside);
      times.ours.push(await ours(pod, journalIn(directory)));
    }
    {
      await using outside = await TestNetns.make();
      await using pod = await makePod(outside);
      times.byHand.push(await byHand(pod));
    }
    times.cni.push(await cniBridge(node, directory, at));
  }
  rmSync(directory, { recursive: true });
  const what = "set-up of one masquerade NIC, observation to applied";
  return [
    {
      what,
      unit: "ms",
      ours: times.ours,
      theirs: times.byHand,
      against: "ip, sysctl and nft by hand",
      goal: { ratio: 1.5, better: "smaller" },
    },
    { what, unit: "ms", ours: times.ours, theirs: times.cni, against: "CNI bridge plugin's ADD", goal: { ratio: 1, better: "smaller" } },
  ];
}
