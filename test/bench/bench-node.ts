/** A node of a bench's own: pods of one NIC of each binding, made and removed as `netbind run` does, and what of it is not Netbind's. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attachVmi, type Decision } from "@netbind/engine";
import { DEFAULT_POD_NETWORK, makeNetns, netnsPath, removeNetns, State, stateDirectories } from "@netbind/local";
import { exec, type Exec, inNetns } from "@netbind/netns";
import { PodRecordFile } from "@netbind/pod";
import { compose } from "../../core/cli/src/compose.ts";
import { decideInput } from "../../core/cli/src/documents/decide-input.ts";
import { openPlugins } from "../../core/cli/src/plugins/open-plugins.ts";
import { TOKENS } from "../../core/cli/src/tokens.ts";
import { LocalHost } from "../../core/local/src/pod/local-host.ts";
import { cniAdd, cniDel } from "../../core/local/src/networks/cni.ts";
import { makeNode, removeNode } from "../../core/local/src/node/node-netns.ts";
import { teardownPod } from "../../core/local/src/pod/teardown.ts";
import { newRecord } from "../../core/local/src/vm/new-record.ts";
import { makeDirectory } from "../../core/netns/src/files/root-files.ts";
import { vmId } from "../../core/local/src/record/state.ts";
import { makeStateDirectory } from "../support/guest/machine.ts";
import { documents, kubevirt, multus, nad, vm } from "../support/kube/objects.ts";
import { timed } from "./report.ts";

/** How many pods of it may have a macvtap. */
const CAPACITY = 200;
const RESOURCE = "macvtap.network.kubevirt.io/bench";
const DP_MACVTAP_CONF = JSON.stringify([{ name: "bench", lowerDevice: "phys0", mode: "bridge", capacity: CAPACITY }]);

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
export type BindingName = keyof typeof BINDINGS;
export const NAMES = Object.keys(BINDINGS) as BindingName[];

/** How long it took to make something, and to take it away. */
export interface Times {
  readonly up: number;
  readonly down: number;
}

/** How long a step of Netbind's took, and what of that the network itself did: the kernel's link and its CNI plugin. */
export interface Step {
  readonly whole: number;
  readonly network: number;
}

/** What makes and removes a network's link: a CNI plugin of the machine's, or ip for a macvtap. */
const isNetworks = (argv: readonly string[]): boolean =>
  argv.at(-1)?.includes("/cni/") === true ||
  argv.includes("macvtap") ||
  argv.some((one) => one.includes("ip link delete"));

/** The node of a state directory of its own, with the link that macvtaps are made on. */
export class BenchNode implements AsyncDisposable {
  readonly state: State;
  readonly #resolve = compose();
  /** How many VMs were decided: each has an address of its own. */
  #decided: number;

  /** The node of a state directory as another process uses it, whose VMs have addresses from here on. */
  constructor(directory: string, decided = 0) {
    this.state = new State({ ...stateDirectories(process.env), state: directory });
    this.#decided = decided;
  }

  static async make(): Promise<BenchNode> {
    const node = new BenchNode(makeStateDirectory("bench"));
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
    const macAddress = `02:00:00:00:${this.#decided.toString(16).padStart(4, "0").replace(/(..)$/, ":$1")}`;
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

  /** Times a step, and the network's own children in it. */
  async #step(step: (exec: Exec) => Promise<unknown>): Promise<Step> {
    let network = 0;
    const whole = await timed(() =>
      step(async (argv, options) => {
        const start = performance.now();
        try {
          return await exec(argv, options);
        } finally {
          if (isNetworks(argv)) network += performance.now() - start;
        }
      }),
    );
    if (network === 0)
      throw new Error("no child of this step was the network's: it is not known by its words any more");
    return { whole, network };
  }

  /** Makes a pod and attaches its NIC, as `netbind run` does: namespace, network, plan, links, services. */
  async up(name: string, binding: BindingName): Promise<Step> {
    const decision = await this.#decide(name, binding);
    return this.#step(async (exec) => {
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
  down(name: string): Promise<Step> {
    return this.#step((exec) => teardownPod(this.state, exec, vmId("default", name), 0));
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
    await removeNode(exec, this.state);
    rmSync(this.state.root, { recursive: true });
  }
}
