/** Of pods with the same rules one's tables are listed, and all are compared with that listing. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Binding } from "@netbind/contract";
import { anAttachment } from "@netbind/contract/testing";
import { desiredNetwork, STANDARD_GRANTS, authorize } from "@netbind/engine";
import { type Exec, exec, PodNetwork } from "@netbind/netns";
import bridge from "@netbind/plugin-bridge";
import masquerade from "@netbind/plugin-masquerade";
import { findNetworkDrift, type HostPodRecord, PodRecordFile } from "@netbind/pod";
import { expect, test } from "vitest";
import { TestNetns } from "../support/netns/netns.ts";

const NAMES = { pod: "eth0", tap: "tap0", bridge: "k6t-eth0", adopted: "eth0-nic" };
/** A set that the kernel keeps in an order of its own in each table, and ranges. */
const PORTS = Array.from({ length: 40 }, (_, at) => ({ protocol: "TCP", port: 80 + 37 * at }) as const);

/** A pod whose NIC is made as a host makes it, with a count of its children, and of those that list tables. */
class Pod implements AsyncDisposable {
  readonly netns: TestNetns;
  readonly record: PodRecordFile;
  readonly #network: PodNetwork;
  readonly #outside: TestNetns;
  readonly #binding: Binding;
  listings = 0;
  children = 0;

  private constructor(netns: TestNetns, outside: TestNetns, binding: Binding) {
    const directory = mkdtempSync(join(tmpdir(), "netbind-listings-"));
    this.netns = netns;
    this.#outside = outside;
    this.#binding = binding;
    this.record = PodRecordFile.create(directory, EMPTY);
    const counted: Exec = (argv, options) => {
      const at = argv.indexOf("apply");
      this.children += 1;
      if (at !== -1 && argv[at + 6] !== "") this.listings += 1;
      return exec(argv, options);
    };
    const owner = { uid: 107, gid: 107 };
    this.#network = new PodNetwork({ netns: netns.path, exec: counted, recordFile: this.record, owner, directory });
  }

  static async make(binding: Binding): Promise<Pod> {
    const [netns, outside] = [await TestNetns.make(), await TestNetns.make()];
    await TestNetns.cable(outside, netns, ["v0", "eth0"], ["10.9.0.1/24", "10.9.0.2/24"], 1450);
    // The bridge takes its link's address, which the kernel would choose differently in each pod.
    await netns.exec(["ip", "link", "set", "eth0", "address", "02:00:00:00:00:07"]);
    return new Pod(netns, outside, binding);
  }

  async attach(): Promise<void> {
    const network = this.#network;
    const pod = await network.recordOnce("nic", "podLink", () => network.observe(NAMES));
    const attachment = anAttachment({ pod, names: NAMES, ports: PORTS });
    const plan = await network.recordOnce("nic", "plan", async () =>
      authorize(this.#binding.plan(attachment), { attachment, grants: STANDARD_GRANTS }),
    );
    await network.apply("nic", desiredNetwork(NAMES, plan, pod));
  }

  /** What differs from the record as it is on the disk. */
  async drift(): Promise<number> {
    const record = PodRecordFile.open(this.record.directory, {})?.record;
    if (record === undefined) throw new Error("the pod has no record");
    return (await findNetworkDrift(this.netns.exec, record)).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    rmSync(this.record.directory, { recursive: true });
    await this.netns[Symbol.asyncDispose]();
    await this.#outside[Symbol.asyncDispose]();
  }
}

const EMPTY: HostPodRecord = { version: 1, serviceUid: 0, bindings: {}, nics: {}, processes: [] };
const BINDINGS: readonly Binding[] = [masquerade, bridge];

test.each(BINDINGS)(
  "pods with the rules of $name are compared with what one of them was listed as",
  async (binding) => {
    await using first = await Pod.make(binding);
    await first.attach();
    expect({ listings: first.listings, drift: await first.drift() }).toEqual({ listings: 1, drift: 0 });
    for (let at = 0; at < 2; at++) {
      await using next = await Pod.make(binding);
      await next.attach();
      expect({ listings: next.listings, drift: await next.drift() }).toEqual({ listings: 0, drift: 0 });
      // One that looks and one that makes: what kind of links the kernel has is known too.
      expect(next.children).toBe(2);
    }
  },
);

test("what is changed in a pod is seen, put back, and listed by itself where the table was there", async () => {
  await using first = await Pod.make(masquerade);
  await first.attach();
  await using pod = await Pod.make(masquerade);
  await pod.attach();
  for (const [damage, listings] of [
    [["flush", "chain", "inet", "netbind_eth0", "prerouting"], 1],
    [["add", "rule", "inet", "netbind_eth0", "prerouting", "accept"], 1],
    [["flush", "ruleset"], 0],
  ] as const) {
    pod.listings = 0;
    await pod.netns.exec(["nft", ...damage]);
    expect(await pod.drift(), damage.join(" ")).toBe(1);
    await pod.attach();
    expect({ listings: pod.listings, drift: await pod.drift() }, damage.join(" ")).toEqual({ listings, drift: 0 });
  }
});

test("where a pod's tables are not listed as another pod's were, they are replaced once", async () => {
  await using pod = await Pod.make(masquerade);
  await pod.attach();
  const { appliedTable = [] } = pod.record.record.nics["nic"] ?? {};
  pod.record.updateNic("nic", { appliedTable: [...appliedTable, { table: { family: "inet", name: "other" } }] });
  expect(await pod.drift()).toBe(1);
  await pod.attach();
  expect(await pod.drift()).toBe(0);
});
