/** A pod of one NIC of each binding, made and removed, beside nobody and beside many; and what of it is not Netbind's. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { attachVmi, type Decision } from "@netbind/engine";
import { DEFAULT_POD_NETWORK, makeNetns, netnsPath, removeNetns, State, stateDirectories } from "@netbind/local";
import { inNetns, exec } from "@netbind/netns";
import { PodRecordFile } from "@netbind/pod";
import { compose } from "../../core/cli/src/compose.ts";
import { decideInput } from "../../core/cli/src/documents/decide-input.ts";
import { openPlugins } from "../../core/cli/src/plugins/open-plugins.ts";
import { TOKENS } from "../../core/cli/src/tokens.ts";
import { LocalHost } from "../../core/local/src/pod/local-host.ts";
import { cniAdd, cniDel } from "../../core/local/src/networks/cni.ts";
import { makeNode } from "../../core/local/src/node/node-netns.ts";
import { teardownPod } from "../../core/local/src/pod/teardown.ts";
import { newRecord } from "../../core/local/src/vm/new-record.ts";
import { makeDirectory } from "../../core/netns/src/files/root-files.ts";
import { vmId } from "../../core/local/src/record/state.ts";
import { makeStateDirectory } from "../support/guest/machine.ts";
import { documents, kubevirt, multus, nad, vm } from "../support/kube/objects.ts";
import { type Comparison, LOWER_QUARTILE, percentile, timed } from "./report.ts";

const MANY = 100;
const RESOURCE = "macvtap.network.kubevirt.io/bench";
const DP_MACVTAP_CONF = JSON.stringify([{ name: "bench", lowerDevice: "phys0", mode: "bridge", capacity: 2 * MANY }]);

const POD = { name: "nic", pod: {} };
const LAN = multus("nic", "lan");
/** A NIC of each binding, and its network. */
const BINDINGS = {
  masquerade: [{ masquerade: {} }, POD],
  bridge: [{ bridge: {} }, POD],
  slirp: [{ binding: { name: "slirp" }, ports: [{ port: 80 }] }, POD],
  passt: [{ binding: { name: "passt" }, ports: [{ port: 80 }] }, POD],
  macvtap: [{ binding: { name: "macvtap" } }, LAN],
  tap: [{ binding: { name: "raw" } }, LAN],
} as const;
type BindingName = keyof typeof BINDINGS;
const NAMES = Object.keys(BINDINGS) as BindingName[];

/** How long it took to make something, and to take it away. */
interface Times {
  readonly up: number;
  readonly down: number;
}

/** The node of a state directory of its own, with the link that macvtaps are made on. */
class BenchNode implements AsyncDisposable {
  readonly state = new State({ ...stateDirectories(process.env), state: makeStateDirectory("bench") });
  readonly #resolve = compose();
  #decided = 0;

  static async make(): Promise<BenchNode> {
    const node = new BenchNode();
    node.state.prepare();
    await makeNode(exec, node.state);
    await node.#onNode(["ip", "link", "add", "phys0", "up", "type", "veth", "peer", "name", "phys1"]);
    return node;
  }

  #onNode(argv: readonly string[]): Promise<string> {
    return inNetns(netnsPath(this.state.nodeNetns), exec)(argv);
  }

  /** What is decided of a VM, without sidecars: their start is measured elsewhere. */
  async #decide(name: string, binding: BindingName): Promise<Decision> {
    const [nic, network] = BINDINGS[binding];
    const file = join(this.state.root, "vm.yaml");
    this.#decided += 1;
    const macAddress = `02:00:00:00:${[this.#decided >> 8, this.#decided & 0xff].map((byte) => byte.toString(16).padStart(2, "0")).join(":")}`;
    const objects = [
      vm(name, { interfaces: [{ name: "nic", macAddress, ...nic }], networks: [network] }),
      nad("lan", { type: "macvtap" }, RESOURCE),
      kubevirt({ raw: { domainAttachmentType: "tap" } }),
    ];
    writeFileSync(file, documents(...objects));
    await using plugins = await openPlugins(new Map(), this.#resolve);
    const decision = (await decideInput({ filename: [file] }, this.#resolve, plugins, this.#resolve(TOKENS.grants)))
      .vms[0]?.decision;
    if (decision === undefined) throw new Error("nothing was decided");
    return { ...decision, bindings: decision.bindings.map(({ image: _image, ...rest }) => rest) };
  }

  /** Makes a pod and attaches its NIC, as `netbind run` does: namespace, network, plan, links, services. Gives its time. */
  async up(name: string, binding: BindingName): Promise<number> {
    const decision = await this.#decide(name, binding);
    return timed(async () => {
      const { state } = this;
      const record = newRecord(state, decision.vmi, "bench", decision);
      makeDirectory(state.podDirectory(record.id));
      const recordFile = PodRecordFile.create(state.podDirectory(record.id), record);
      const parts = {
        podNetwork: DEFAULT_POD_NETWORK,
        deviceSettings: { DP_MACVTAP_CONF },
        bindings: this.#resolve(TOKENS.bindings),
      };
      const host = new LocalHost({ state, exec, recordFile, ...parts });
      await attachVmi(host, decision);
    });
  }

  /** Removes it from its record. */
  down(name: string): Promise<number> {
    return timed(() => teardownPod(this.state, exec, vmId("default", name), 0));
  }

  /** What is not Netbind's: a namespace, and its link by the network's plugin; or by ip, where no such plugin is installed. */
  async byHand(binding: BindingName): Promise<Times> {
    const name = `${this.state.nodeNetns.slice(0, -5)}-hand`;
    const ipam = { ...(DEFAULT_POD_NETWORK.plugins[0]?.["ipam"] as object), dataDir: join(this.state.node, "ipam") };
    const config = {
      ...DEFAULT_POD_NETWORK,
      plugins: DEFAULT_POD_NETWORK.plugins.map((plugin) => ({ ...plugin, ipam })),
    };
    const attachment = { network: "nic", ifname: "eth0", containerId: "hand", config };
    const place = { exec, node: netnsPath(this.state.nodeNetns), netns: netnsPath(name) };
    const isPod = BINDINGS[binding][1] === POD;
    const up = await timed(async () => {
      await makeNetns(exec, name);
      if (isPod) return cniAdd(place, attachment);
      await this.#onNode([
        "ip",
        "link",
        "add",
        "link",
        "phys0",
        "name",
        "net1",
        "netns",
        name,
        "type",
        "macvtap",
        "mode",
        "bridge",
      ]);
      return inNetns(netnsPath(name), exec)(["ip", "link", "set", "net1", "up"]);
    });
    const down = await timed(async () => {
      await (isPod ? cniDel(place, attachment) : inNetns(netnsPath(name), exec)(["ip", "link", "delete", "net1"]));
      await removeNetns(exec, name);
    });
    return { up, down };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const id of this.state.podIds()) await teardownPod(this.state, exec, id, 0);
    await removeNetns(exec, this.state.nodeNetns);
    rmSync(this.state.root, { recursive: true });
  }
}

type Measured = Record<BindingName, Times[]>;
const nothing = (): Measured => ({ masquerade: [], bridge: [], slirp: [], passt: [], macvtap: [], tap: [] });

/** Both ways of making a pod, in one situation of the node. */
interface Measurements {
  readonly ours: Measured;
  readonly hand: Measured;
}
const none = (): Measurements => ({ ours: nothing(), hand: nothing() });

/** Milliseconds before each step, so that what the kernel still does for the step before counts for none. */
const PAUSE = 150;

async function paused<T>(step: () => Promise<T>): Promise<T> {
  await setTimeout(PAUSE);
  return step();
}

/** One pod of each binding after the other, each beside those that are there. */
async function measure(node: BenchNode, { ours, hand }: Measurements, runs: number): Promise<void> {
  for (let at = 0; at < runs; at++) {
    for (const binding of NAMES) {
      const up = await paused(() => node.up("measured", binding));
      ours[binding].push({ up, down: await paused(() => node.down("measured")) });
      hand[binding].push(await paused(() => node.byHand(binding)));
    }
  }
}

const HAND = "its namespace and its network's link alone, by hand";
const WORDS = { up: "made and attached", down: "removed" } as const;

/** How often the others come and go. */
const ROUNDS = 3;
/** What the kernel still does, when a hundred pods came or went, is not the next one's. */
const SETTLE = 3000;

/**
 * Alone, beside all others, alone again, and all of it three times: a machine that gets slower meanwhile counts for neither.
 * The node is never without a pod, or it would be made again each time.
 */
export async function benchPods(runs = 24): Promise<readonly Comparison[]> {
  await using node = await BenchNode.make();
  const [alone, beside] = [none(), none()];
  const others = Array.from({ length: MANY - 1 }, (_, at) => `other-${at + 1}`);
  const each = Math.ceil(runs / ROUNDS);
  await node.up("first", "slirp");
  // What a program does the first time counts for neither.
  await measure(node, none(), 1);
  for (let round = 0; round < ROUNDS; round++) {
    await measure(node, alone, Math.ceil(each / 2));
    for (const [at, name] of others.entries()) await node.up(name, NAMES[at % NAMES.length] ?? "slirp");
    await setTimeout(SETTLE);
    await measure(node, beside, each);
    for (const name of others) await node.down(name);
    await setTimeout(SETTLE);
    await measure(node, alone, Math.floor(each / 2));
  }
  return NAMES.flatMap((binding) =>
    (["up", "down"] as const).flatMap((part) => comparisons(binding, part, alone, beside)),
  );
}

/**
 * What a pod costs against what it costs by hand, what each of them costs more beside others, and what of that is Netbind's:
 * the network's plugin looks through a file for each address of the node, whatever runs it. Where it finds its links not up
 * yet it waits for 50 ms, which it does in a third of all runs: lower quartiles are compared.
 */
function comparisons(
  binding: BindingName,
  part: keyof Times,
  alone: Measurements,
  beside: Measurements,
): readonly Comparison[] {
  const rows = (measured: Measured): readonly number[] => measured[binding].map((one) => one[part]);
  const own = ({ ours, hand }: Measurements): readonly number[] => {
    const byHand = percentile(rows(hand), LOWER_QUARTILE);
    return rows(ours).map((one) => one - byHand);
  };
  const row = { unit: "ms", against: "beside one", quartile: true } as const;
  const goal = { ratio: 1.1, better: "smaller" } as const;
  return [
    {
      ...{ ...row, what: `a pod with one ${binding} NIC, ${WORDS[part]}` },
      ...{ ours: rows(alone.ours), theirs: rows(alone.hand), against: HAND },
    },
    { ...row, what: `the same beside ${MANY} others`, ours: rows(beside.ours), theirs: rows(alone.ours), goal },
    { ...row, what: `${HAND}, beside ${MANY} others`, ours: rows(beside.hand), theirs: rows(alone.hand) },
    { ...row, what: `the pod without that, beside ${MANY} others`, ours: own(beside), theirs: own(alone), goal },
  ];
}
