import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Attachment, type Binding, defineBinding } from "@netbind/contract";
import { waitUntil } from "@netbind/netns";
import bridge from "@netbind/plugin-bridge";
import { addBinding, listenUnix, makeServer } from "@netbind/remote/sidecar";
import { expect, test } from "vitest";
import { plugGuest } from "../support/netns/attach-nic.ts";
import { KubeNode } from "../support/kube/kube-node.ts";
import { type PodNic, vmiObject } from "../support/kube/kube-objects.ts";
import { hookSocketsOf, type LabPod, withHooks } from "../support/kube/lab-pod.ts";
import { HIDDEN_GROUPS } from "../support/netns/hidden-groups.ts";
import { TestNetns } from "../support/netns/netns.ts";

interface Recorded {
  readonly phase: string;
  readonly attached: readonly Attachment[];
  readonly processes: readonly { readonly role: string; readonly processes: readonly { readonly pid: number }[] }[];
}

const recordOf = (node: KubeNode, pod: LabPod): Recorded => node.agent.record<Recorded>(pod);

/** Serves a binding beside the agent, as an administrator deploys a third-party one. */
async function serveBeside(node: KubeNode, name: string, binding: Binding): Promise<Disposable> {
  const directory = join(node.directory, "bindings", name);
  mkdirSync(directory, { recursive: true });
  const server = makeServer();
  addBinding(server, binding);
  const socket = join(directory, "binding.sock");
  await listenUnix(server, socket);
  return {
    [Symbol.dispose]: () => {
      server.forceShutdown();
      rmSync(socket, { force: true });
    },
  };
}

async function gone(node: KubeNode): Promise<void> {
  for (const pod of node.pods) await node.removePod(pod);
  await waitUntil(() => node.agent.leftovers().length === 0, 30_000);
  expect(node.agent.leftovers()).toEqual([]);
}

test("a pod as the kubelet lays it out is attached, its sidecar keeps what it was told, and all is undone when it is gone", async () => {
  await using node = await KubeNode.make();
  const pod = await node.pod({ vm: "one", sidecars: false });
  const id = await node.startSidecar(pod, 0, "masquerade");
  node.agent.start();
  await node.attached(pod);
  await node.agent.reported(pod, "ATTACHED");
  expect(node.agent.reports(pod)).toHaveLength(1);
  // The node has no control groups.
  expect(node.agent.log).toContain(
    `services are counted as the agent's, and end with its container: ${HIDDEN_GROUPS.says}`,
  );
  const links = JSON.parse(await pod.exec(["ip", "-json", "link", "show"])) as readonly { readonly ifname: string }[];
  expect(links.map(({ ifname }) => ifname).sort()).toEqual(["eth0", "k6t-eth0", "lo", "tap0"]);
  const [attachment] = recordOf(node, pod).attached;
  expect(attachment).toMatchObject({
    cause: "boot",
    resolvConf: {
      nameservers4: ["10.96.0.10"],
      search: ["default.svc.cluster.local", "svc.cluster.local", "cluster.local"],
    },
  });
  // KubeVirt writes the NIC on the tap, and gives it the pod link's MAC address: whom DHCP answers must be the same.
  expect(attachment?.mac).toBe(attachment?.pod.mac);
  const socket = hookSocketsOf(pod)[0] ?? "";
  expect(await withHooks(pod, socket, (client) => client.info())).toMatchObject({ name: "masquerade" });
  // The container is started again, and no agent is there to attach it again.
  await node.agent.stop();
  await node.endContainer(id);
  rmSync(join(pod.hooks, socket));
  await node.startSidecar(pod, 0, "masquerade");
  await node.attached(pod);
  expect(await withHooks(pod, socket, (client) => client.info())).toMatchObject({ name: "masquerade" });
  const servers = recordOf(node, pod).processes;
  node.agent.start();
  await node.agent.reported(pod, "TAKEN_OVER");
  expect(node.agent.reasons(pod)).toEqual(["ATTACHED", "TAKEN_OVER"]);
  expect(recordOf(node, pod).processes).toEqual(servers);
  for (const { pid } of servers.flatMap(({ processes }) => processes)) expect(existsSync(`/proc/${pid}`)).toBe(true);
  await gone(node);
  // What is the node's lab is nobody else's.
  expect(existsSync("/var/lib/kubelet/pods")).toBe(false);
});

test("a pod's first seconds, in KubeVirt's order: nothing is said until it is attached", async () => {
  await using node = await KubeNode.make();
  node.agent.start();
  const pod = await node.pod({
    vm: "early",
    sidecars: false,
    listed: false,
    change: (object) => (object["status"] = { phase: "Pending" }),
  });
  const vmi = join(node.api.directory, "vmi-early.json");
  const activePods = (pods: object): void =>
    node.api.edit("vmi-early.json", (object) => Object.assign(object, { status: { activePods: pods } }));
  const look = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1200));
  renameSync(vmi, `${vmi}.hidden`);
  node.api.list(pod);
  await look();
  renameSync(`${vmi}.hidden`, vmi);
  for (const pods of [{}, { [pod.uid]: "" }, { [pod.uid]: "node-1" }]) {
    activePods(pods);
    await look();
  }
  expect(node.agent.reports(pod)).toEqual([]);
  await node.startSidecar(pod, 0, "masquerade");
  await look();
  expect(node.agent.reports(pod)).toEqual([]);
  // The kubelet tells of the pod's network: what multus reports of it would be there by now.
  node.api.edit(
    `pod-${pod.uid}.json`,
    (object) => (object["status"] = { phase: "Pending", podIPs: [{ ip: pod.address }] }),
  );
  await node.attached(pod);
  await node.agent.reported(pod, "ATTACHED");
  expect(node.agent.reports(pod)).toHaveLength(1);
  await gone(node);
});

test("a pod whose primary link is not eth0: every binding wires the link that network-status marks, and eth0 stays as it is", async () => {
  await using node = await KubeNode.make();
  await using guest = await TestNetns.make();
  const primary = "ovn-udn1";
  const names = { pod: primary, tap: "tap0", bridge: "k6t-ovn-udn1", adopted: "ovn-udn1-nic" };
  const nic = (binding: string): readonly PodNic[] => [{ name: "red", binding }];
  const [masquerade, bridged, passt] = [
    await node.pod({ vm: "one", primary, nics: nic("masquerade") }),
    await node.pod({ vm: "two", primary, nics: nic("bridge") }),
    await node.pod({ vm: "three", primary, nics: nic("passt") }),
  ];
  const linksOf = async ({
    exec: inPod,
  }: LabPod): Promise<ReadonlyMap<string, { readonly address: string; readonly master?: string }>> => {
    const shown = JSON.parse(await inPod(["ip", "-json", "link", "show"])) as readonly {
      readonly ifname: string;
      readonly address: string;
      readonly master?: string;
    }[];
    return new Map(shown.map((link) => [link.ifname, link]));
  };
  const before = new Map<LabPod, Awaited<ReturnType<typeof linksOf>>>();
  for (const pod of [masquerade, bridged, passt]) before.set(pod, await linksOf(pod));
  node.agent.start();
  for (const pod of [masquerade, bridged, passt]) {
    await node.attached(pod);
    await node.agent.reported(pod, "ATTACHED");
    const [attachment] = recordOf(node, pod).attached;
    expect(attachment).toMatchObject({ names, pod: { name: primary, mac: before.get(pod)?.get(primary)?.address } });
    expect(attachment?.pod.routes).toContainEqual({ destination: "0.0.0.0/0", gateway: "10.98.0.1" });
    expect((await linksOf(pod)).get("eth0")).toEqual(before.get(pod)?.get("eth0"));
  }
  expect([...(await linksOf(masquerade)).keys()].sort()).toEqual(["eth0", "k6t-ovn-udn1", "lo", "ovn-udn1", "tap0"]);
  expect(await masquerade.exec(["nft", "list", "table", "inet", "netbind_ovn-udn1"])).toContain(
    'iifname "ovn-udn1" counter',
  );
  // KubeVirt gives the guest the primary link's MAC address, and it is that one that DHCP answers.
  const mac = before.get(masquerade)?.get(primary)?.address ?? "";
  await plugGuest(masquerade, guest, names.bridge, mac, 1500);
  await guest.exec(["ip", "route", "add", "255.255.255.255/32", "dev", "eth0"]);
  const client = fileURLToPath(new URL("../support/peers/dhcp-client.ts", import.meta.url));
  expect(JSON.parse(await guest.exec([process.execPath, client, mac]))).toMatchObject({ address: "10.0.2.2" });
  const taken = await linksOf(bridged);
  expect(taken.get(names.adopted)).toMatchObject({ master: names.bridge });
  expect(taken.get(primary)?.address).toBe(before.get(bridged)?.get(primary)?.address);
  const domain =
    "<domain type='qemu'><devices><interface type='ethernet'><mac address='02:00:00:00:00:01'/><alias name='ua-red'/></interface></devices></domain>";
  const [socket = ""] = hookSocketsOf(passt);
  const defined = await withHooks(passt, socket, (hooks) =>
    hooks.onDefineDomain(
      "v1alpha3",
      Buffer.from(domain),
      Buffer.from(JSON.stringify(vmiObject("three", nic("passt")))),
    ),
  );
  expect(Buffer.from(defined).toString("utf8")).toContain("<source dev='ovn-udn1'/>");
  await gone(node);
});

test("the next agent takes a running pod over from the record, repairs it, and asks nobody for a plan", async () => {
  await using node = await KubeNode.make();
  let asked = 0;
  const own = defineBinding({
    ...bridge,
    name: "somebodys",
    plan: (attachment) => {
      asked += 1;
      return bridge.plan(attachment);
    },
  });
  const pod = await node.pod({ vm: "one", nics: [{ name: "red", binding: "bridge" }] });
  const other = await node.pod({ vm: "two" });
  const beside = ["--bindings", join(node.directory, "bindings"), "--override", "bridge"];
  {
    using _ = await serveBeside(node, "bridge", own);
    node.agent.start(beside);
    for (const one of [pod, other]) {
      await node.attached(one);
      await node.agent.reported(one, "ATTACHED");
    }
  }
  expect(asked).toBe(1);
  await node.agent.stop();
  const server =
    recordOf(node, other)
      .processes.find(({ role }) => role.startsWith("dhcp4"))
      ?.processes.at(-1)?.pid ?? 0;
  process.kill(server, "SIGKILL");
  await other.exec(["ip", "link", "del", "tap0"]);
  await pod.exec(["sysctl", "-q", "-w", "net.ipv4.conf.all.arp_ignore=0"]);
  const before = recordOf(node, pod).attached;
  const next = defineBinding({
    ...bridge,
    name: "somebodys",
    plan: () => {
      asked += 1;
      throw new Error("a pod that runs is not planned again");
    },
  });
  using _ = await serveBeside(node, "bridge", next);
  node.agent.start(beside);
  expect(await node.agent.reported(other, "REPAIRED")).toMatch(/network of NIC red.*service dhcp4/);
  expect(await node.agent.reported(pod, "REPAIRED")).toContain("network of NIC red");
  expect(asked).toBe(1);
  expect(recordOf(node, pod).attached).toEqual(before);
  expect((await pod.exec(["sysctl", "-n", "net.ipv4.conf.all.arp_ignore"])).trim()).toBe("1");
  expect(await other.exec(["ip", "-brief", "link", "show"])).toContain("tap0");
  await gone(node);
});

test("a migration's target is observed and planned again, with the MAC address that the VM has", async () => {
  await using node = await KubeNode.make();
  const nics = [{ name: "red", binding: "bridge" }];
  const source = await node.pod({ vm: "one", nics });
  node.agent.start();
  await node.attached(source);
  await waitUntil(() => recordOf(node, source).phase === "attached", 10_000);
  const [first] = recordOf(node, source).attached;
  node.api.edit("vmi-one.json", (vmi) => {
    const status = { interfaces: [{ name: "red", mac: first?.mac }], activePods: { [source.uid]: "node-1" } };
    Object.assign(vmi, { status });
  });
  const target = await node.pod({ vm: "one", nics, listed: false });
  node.api.edit("vmi-one.json", (vmi) => {
    const status = vmi["status"] as object;
    Object.assign(vmi, { status: { ...status, migrationState: { targetPod: target.name, sourcePod: source.name } } });
  });
  node.api.list(target);
  await node.attached(target);
  await waitUntil(() => recordOf(node, target).phase === "attached", 10_000);
  const [second] = recordOf(node, target).attached;
  expect(second).toMatchObject({ cause: "migrationTarget", mac: first?.mac });
  expect(second?.pod.mac).not.toBe(first?.pod.mac);
  expect(second?.pod.addresses).not.toEqual(first?.pod.addresses);
  expect(source.address).not.toBe(target.address);
  await gone(node);
});
