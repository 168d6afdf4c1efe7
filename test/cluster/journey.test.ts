/** A VM from `kubectl apply` to traffic through a Service: real pods on a real kubelet, images by digest, a real guest. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KubevirtConfiguration, Vmi } from "@netbind/kubevirt";
import { afterAll, beforeAll, expect, onTestFailed, test } from "vitest";
import { agentLog, installAgent } from "../support/cluster/agent-objects.ts";
import { ApiServer } from "../support/cluster/api-server.ts";
import { downCluster, upCluster } from "../support/cluster/cluster.ts";
import { ClusterDirectory } from "../support/cluster/cluster-directory.ts";
import { ClusterGuest } from "../support/cluster/cluster-guest.ts";
import { BUSYBOX_IMAGE } from "../support/cluster/image-archive.ts";
import { InNode } from "../support/cluster/in-node.ts";
import { DEFAULT_RELEASE } from "../support/cluster/kubernetes.ts";
import { applyCrds } from "../support/cluster/kubevirt-crds.ts";
import { writeLauncherImage } from "../support/cluster/launcher-image.ts";
import { pushImage } from "../support/cluster/registry.ts";
import { scheduleVm } from "../support/cluster/virt-controller.ts";
import { prepareNode } from "../support/cluster/virt-handler.ts";
import { BuiltImages } from "../support/kube/built-images.ts";

const PORT = 8080;
const BINDING = "masquerade";
const directory = new ClusterDirectory(`journey-${process.pid}`);
const out = mkdtempSync(join(tmpdir(), "netbind-journey-"));
let api: ApiServer;
let node: InNode;
let configuration: KubevirtConfiguration;
let launcher: string;

const NAME = "web";
const metadata = (name: string): { readonly name: string; readonly namespace: string } => ({
  name,
  namespace: "default",
});

/** Brings up a cluster with all images in its registry. Gives the agent's. */
async function prepareCluster(): Promise<string> {
  await upCluster(directory, { release: DEFAULT_RELEASE, nodes: 1 });
  using images = await BuiltImages.build([BINDING, "agent"], out);
  const push = (name: string): Promise<string> => pushImage(directory, `oci:${images.out}:${name}`, name);
  const [sidecar, agent] = [await push(BINDING), await push("agent")];
  launcher = await pushImage(directory, `docker-archive:${await writeLauncherImage()}`, "launcher");
  configuration = {
    developerConfiguration: { useEmulation: true },
    network: { binding: { [BINDING]: { sidecarImage: sidecar, domainAttachmentType: "tap", migration: {} } } },
  };
  return agent;
}

beforeAll(async () => {
  const agent = await prepareCluster();
  api = new ApiServer(directory);
  node = new InNode(directory, 1);
  await applyCrds(api);
  await prepareNode(api, 1, node);
  const kubevirt = { apiVersion: "kubevirt.io/v1", kind: "KubeVirt", metadata: metadata("kubevirt") };
  await api.apply({ ...kubevirt, spec: { configuration } });
  await installAgent(api, agent);
});
afterAll(async () => {
  await downCluster(directory);
  rmSync(out, { recursive: true, force: true });
});

const VMI = {
  apiVersion: "kubevirt.io/v1",
  kind: "VirtualMachineInstance",
  metadata: metadata(NAME),
  spec: {
    domain: {
      devices: { interfaces: [{ name: "default", binding: { name: BINDING }, ports: [{ port: PORT }] }] },
      resources: { requests: { memory: "256Mi" } },
    },
    networks: [{ name: "default", pod: {} }],
  },
} as unknown as Vmi;
const SERVICE = {
  apiVersion: "v1",
  kind: "Service",
  metadata: metadata(NAME),
  spec: { selector: { "vm.kubevirt.io/name": NAME }, ipFamilyPolicy: "RequireDualStack", ports: [{ port: PORT }] },
};
const CLIENT = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: metadata("client"),
  spec: { containers: [{ name: "client", image: BUSYBOX_IMAGE, command: ["/bin/sleep", "100000"] }] },
};

const AGENT = "netbind-agent";
interface EventList {
  readonly items: readonly { readonly involvedObject: { name: string }; readonly count: number; source: object }[];
}
/** What the agent said on VMIs of having attached them. */
async function attachedEvents(): Promise<readonly object[]> {
  const selector = "reason=ATTACHED,involvedObject.kind=VirtualMachineInstance";
  const { items } = await api.request<EventList>({ path: `/api/v1/events?fieldSelector=${selector}` });
  return items.map(({ involvedObject: { name }, count, source }) => ({ name, count, source }));
}

const launcherLog = (): Promise<string> =>
  api.kubectl(["logs", `--selector=vm.kubevirt.io/name=${NAME}`, "--container=compute", "--tail=100"]);

test("a VM's launcher pod is attached by the agent, its guest boots, and another pod reaches it through a Service", async () => {
  onTestFailed(async () => console.error(await agentLog(api), await launcherLog()));
  await api.apply(SERVICE, CLIENT);
  const pod = await scheduleVm({ api, configuration, image: launcher }, VMI);
  const guest = new ClusterGuest(node, pod);
  const events = await guest.boot(VMI);
  expect(events.filter(({ event }) => event === "defined").length).toBe(3);
  const attached = { name: NAME, count: 1, source: { component: AGENT, host: "node1" } };
  await expect.poll(attachedEvents, { timeout: 30_000 }).toEqual([attached]);
  const address = await guest.inGuest("ip -4 -o addr show eth0");
  expect(address).toContain("10.0.2.2/24");
  await guest.inGuest(`mkdir -p /www; echo from-the-guest > /www/index.html; httpd -p ${PORT} -h /www; echo serving`);
  await api.kubectl(["wait", "--for=condition=Ready", "pod/client", "--timeout=60s"]);
  const addresses = await api.kubectl(["get", "service", NAME, "-o", "jsonpath={.spec.clusterIPs[*]}"]);
  const fetch = (at: string): Promise<string> =>
    api.kubectl(["exec", "client", "--", "sh", "-c", `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 5 ${at} ${PORT}`]);
  expect(addresses.split(" ").length).toBe(2);
  for (const at of addresses.split(" "))
    await expect.poll(() => fetch(at), { timeout: 30_000, interval: 500 }).toContain("from-the-guest");
  // Its manifest's rights were enough for all of it.
  expect(await agentLog(api)).not.toContain("add the rule");
});
