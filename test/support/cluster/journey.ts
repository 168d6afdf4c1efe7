/** A VM from `kubectl apply` to traffic through a Service and to its end: real pods on a real kubelet, a real guest. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { Vmi, VmiInterface, VmiNetwork } from "@netbind/kubevirt";
import { processesOfUser } from "@netbind/netns";
import { expect, onTestFailed } from "vitest";
import { AGENT_STATE, agentLog } from "./agent-objects.ts";
import { ApiHistory } from "./api-history.ts";
import type { InNode } from "./in-node.ts";
import { END, milestonesOf, START } from "./milestones.ts";
import { type ClusterClient, type ClusterService, httpGet, makeClient, makeService } from "./services.ts";
import type { ClusterVm, VmCluster } from "./vm-cluster.ts";

export const PORT = 8080;
const NIC = "default";

export interface Journey {
  readonly binding: string;
  /** The guest's address with its prefix's length, by the pod's IPv4 address. */
  readonly address: (pod: string) => string;
  /** In which the guest is reached. */
  readonly families: ClusterService["families"];
  /** True where libvirt does not know the NIC, so that KubeVirt reports nothing of it but its pod's link. */
  readonly isUnseen?: boolean;
  /** Starts the VM; absent: its VMI is made as it is. */
  readonly start?: (vmi: Vmi) => Promise<ClusterVm>;
}

/** A NIC, and its network. */
export type ClusterNic = readonly [nic: VmiInterface, network: Omit<VmiNetwork, "name">];

/** A VM of the demo guest, with its NICs. */
export const vmWith = (name: string, nics: readonly ClusterNic[]): Vmi => ({
  apiVersion: "kubevirt.io/v1",
  kind: "VirtualMachineInstance",
  metadata: { name, namespace: "default" },
  spec: {
    domain: {
      devices: { interfaces: nics.map(([nic]) => nic) },
      resources: { requests: { memory: "256Mi" } },
    },
    networks: nics.map(([nic, network]) => ({ name: nic.name, ...network })),
  },
});

/** A NIC on the pod network. */
export const podNic = (binding: string): ClusterNic => [
  { name: NIC, binding: { name: binding }, ports: [{ port: PORT }] },
  { pod: {} },
];

interface EventList {
  readonly items: readonly { readonly involvedObject: { name: string }; readonly count: number; source: object }[];
}
/** What the agent said on a VMI, for one reason. */
export async function eventsOf({ api }: VmCluster, name: string, reason: string): Promise<readonly object[]> {
  const selector = `reason=${reason},involvedObject.kind=VirtualMachineInstance,involvedObject.name=${name}`;
  const { items } = await api.request<EventList>({ path: `/api/v1/events?fieldSelector=${selector}` });
  return items.map(({ count, source }) => ({ count, source }));
}

/** Prints what agent and launcher said, should the test fail. */
export function logOnFailure(cluster: VmCluster, vm: string): void {
  onTestFailed(async () => {
    const compute = ["logs", `--selector=vm.kubevirt.io/name=${vm}`, "--container=compute", "--tail=100"];
    console.error(await agentLog(cluster.api), await cluster.api.kubectl(compute).catch(String));
  });
}

/** What a node has of a pod that an agent attached. */
interface PodTraces {
  readonly record: string;
  readonly serviceUid: number;
  readonly namespaces: readonly string[];
}

const namespacesOf = (node: InNode): readonly string[] => readdirSync(node.path("/run/netns"));

/** What it has of a VM. */
export function tracesOf({ node, scheduled: { pod } }: ClusterVm): PodTraces {
  const record = node.path(`${AGENT_STATE}/pods/${pod.metadata.uid}`);
  const { serviceUid } = JSON.parse(readFileSync(`${record}/record.json`, "utf8")) as { readonly serviceUid: number };
  return { record, serviceUid, namespaces: namespacesOf(node) };
}

/** Ends a VM, and checks that nothing of it is left: neither in the cluster nor on its node. */
export async function proveEnd(cluster: VmCluster, vm: ClusterVm): Promise<void> {
  const { record, serviceUid, namespaces } = tracesOf(vm);
  await cluster.delete(vm);
  await expect.poll(() => existsSync(record), { timeout: 30_000 }).toBe(false);
  expect(processesOfUser(serviceUid)).toEqual([]);
  expect(namespacesOf(vm.node).length).toBe(namespaces.length - 1);
}

/** Starts a web server in a guest. Gives what its page says. */
export async function serveIn({ guest, scheduled: { vmi } }: ClusterVm): Promise<string> {
  const page = `from-${vmi.metadata.name}`;
  await guest.inGuest(`mkdir -p /www; echo ${page} > /www/index.html; httpd -p ${PORT} -h /www; echo serving`);
  return page;
}

/** Waits until a client gets a page. */
export const expectPage = (cluster: VmCluster, page: string, at: string, client?: ClusterClient): Promise<void> =>
  expect.poll(() => httpGet(cluster.api, at, PORT, client), { timeout: 30_000, interval: 500 }).toContain(page);

/** Gets a page of a guest from another pod, through a Service, in each family. */
export async function proveTraffic(
  cluster: VmCluster,
  vm: ClusterVm,
  families: ClusterService["families"],
): Promise<void> {
  const { name } = vm.scheduled.vmi.metadata;
  await makeClient(cluster.api);
  const addresses = await makeService(cluster.api, { name, port: PORT, families });
  const page = await serveIn(vm);
  expect(addresses.length).toBe(families.length);
  for (const at of addresses) await expectPage(cluster, page, at);
}

/** Proves a binding on a cluster, from the VM's pod to its end. */
export async function proveJourney(cluster: VmCluster, journey: Journey): Promise<void> {
  const { binding, address, families, isUnseen = false, start = (vmi) => cluster.start(vmi) } = journey;
  const name = `web-${binding}`;
  logOnFailure(cluster, name);
  await using history = await ApiHistory.of(cluster.api, "default");
  const vm = await start(vmWith(name, [podNic(binding)]));
  const { scheduled, guest, events } = vm;
  expect(events.filter(({ event }) => event === "defined").length).toBe(3);
  const attached = { count: 1, source: { component: "netbind-agent", host: scheduled.pod.spec.nodeName } };
  await expect.poll(() => eventsOf(cluster, name, "ATTACHED"), { timeout: 30_000 }).toEqual([attached]);
  const [ipv4 = ""] = scheduled.pod.status.podIPs?.map(({ ip }) => ip) ?? [];
  expect(await guest.inGuest("ip -4 -o addr show eth0")).toContain(` ${address(ipv4)}`);
  const { status } = await scheduled.objects.vmi();
  const { mac, infoSource } = status?.interfaces?.find((nic) => nic.name === NIC) ?? {};
  expect(infoSource).toBe(isUnseen ? undefined : "domain");
  expect(await guest.inGuest("cat /sys/class/net/eth0/address")).toContain(mac ?? ":");
  await proveTraffic(cluster, vm, families);
  // The chart's rights were enough for all of it.
  expect(await agentLog(cluster.api)).not.toContain("add the rule");
  await proveEnd(cluster, vm);
  const life = [...START.map((line) => (isUnseen ? line.replace(", interfaces eth0 domain", "") : line)), ...END];
  await expect.poll(() => milestonesOf(history.moments), { timeout: 10_000 }).toEqual(life);
}
