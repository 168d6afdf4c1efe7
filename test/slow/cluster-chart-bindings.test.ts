/**
 * What a user of a cluster does, with all of it real but KubeVirt's own components: `helm install` beside HyperConverged and
 * multus, then a VM by each binding, as people wrote it before KubeVirt removed bindings of its own, and one by a third
 * party's.
 */
import { printElement } from "@netbind/domain";
import { sriovDevices, type Vmi } from "@netbind/kubevirt";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CHART } from "../support/cluster/chart.ts";
import { conditionsOf, logReleaseOnFailure, makeReleaseNamespace } from "../support/cluster/chart-release.ts";
import { Helm } from "../support/cluster/helm.ts";
import { HyperConverged } from "../support/cluster/hyperconverged.ts";
import { type Journey, podNic, proveEnd, proveJourney, proveTraffic, vmWith } from "../support/cluster/journey.ts";
import { proveMacvtap } from "../support/cluster/macvtap-journey.ts";
import { network } from "../support/cluster/networks.ts";
import { pushVersion } from "../support/cluster/registry.ts";
import { pushThirdParty } from "../support/cluster/third-party-image.ts";
import { type Bound, startAsWritten } from "../support/cluster/user-vm.ts";
import { startDevicePlugin } from "../support/cluster/virt-handler.ts";
import { type ClusterVm, VmCluster } from "../support/cluster/vm-cluster.ts";

const SETUP = 600_000;
const WITHIN = { timeout: 60_000, interval: 500 };
const THEIRS = "theirs";
/** What the chart registers, but for what an administrator has. */
const REGISTERED = ["bridge", "joined", "macvtap", "masquerade", "passt"];

let cluster: VmCluster;
let hyperConverged: HyperConverged;
/** The images of sidecars by binding, by digest. */
let images: Readonly<Record<string, string>>;
const stack = new AsyncDisposableStack();

beforeAll(async () => {
  const bindings = ["bridge", "masquerade", "passt", "slirp"] as const;
  cluster = stack.use(
    await VmCluster.up({ purpose: "chart-bindings", bindings, nodes: 1, multus: true, isBare: true }),
  );
  const { api, directory, images: own } = cluster;
  const slirp = await pushVersion(directory, own["slirp"] ?? "", "slirp", THEIRS);
  const joined = await pushThirdParty(directory, "joined", own["bridge"] ?? "");
  images = { ...own, slirp, joined };
  hyperConverged = stack.use(await HyperConverged.install(api, { namespace: "default" }));
  await hyperConverged.register({ slirp: { sidecarImage: slirp } });
  await makeReleaseNamespace(api);
  const registration = { domainAttachmentType: "tap" };
  const thirdParty = { joined: { image: joined, user: 65_600, registration, grants: { serviceKinds: ["dhcp4"] } } };
  await new Helm(api, 3).put("install", CHART, { ...cluster.chartValues, thirdParty });
  await cluster.readKubevirt();
}, SETUP);
afterAll(() => stack.disposeAsync());

test("bindings are registered in HyperConverged's CR, which its operator copies; an administrator's stays as it is", async () => {
  logReleaseOnFailure(cluster);
  // As soon as helm is done: the user waits for nothing else.
  for (const name of REGISTERED) expect(await conditionsOf(cluster.api, name)).toMatchObject({ Ready: "True Ready" });
  const written = await hyperConverged.networkBinding();
  expect(Object.keys(written).sort()).toEqual([...REGISTERED, "slirp"]);
  expect(written).toMatchObject({
    passt: { sidecarImage: images["passt"], migration: {} },
    joined: { sidecarImage: images["joined"] },
  });
  expect(written["slirp"]).toEqual({ sidecarImage: images["slirp"] });
  const { spec, metadata } = await cluster.readKubevirt();
  expect(spec.configuration.network?.binding).toEqual(written);
  expect(metadata.managedFields.map(({ manager }) => manager)).not.toContain("netbind-controller");
  expect(hyperConverged.overwritten).toBe(0);
  expect(await conditionsOf(cluster.api, "slirp")).toMatchObject({ Registered: "False OwnedByOther" });
  expect(await cluster.api.kubectl(["get", "nb", "passt", "--no-headers"])).toContain(images["passt"]);
});

const byName = (name: string): Bound => ({ binding: { name } });
/** How kubectl warns of a key that is translated. */
const translated = (key: string): RegExp =>
  new RegExp(`^spec\\.template\\.spec\\.domain\\.devices\\.interfaces\\[0\\]\\.${key}: .*netbind convert`);

/** Starts a VM as its user writes it; `key`: of the core binding that it names, `others`: what else kubectl warns of. */
async function startBy(binding: string, vmi: Vmi, key?: string, ...others: readonly RegExp[]): Promise<ClusterVm> {
  const image = images[binding];
  return startAsWritten(cluster, vmi, {
    written: key === undefined ? byName(binding) : { [key]: {} },
    inVm: byName(binding),
    warnings: [...(key === undefined ? [] : [translated(key)]), ...others],
    sidecars: image === undefined ? [] : [image],
  });
}

interface Case extends Journey {
  /** The key of KubeVirt's own binding of former times. */
  readonly key?: string;
}

test.each<Case>([
  { binding: "bridge", address: (pod) => `${pod}/24`, families: ["IPv4"] },
  { binding: "masquerade", address: () => "10.0.2.2/24", families: ["IPv4", "IPv6"] },
  { binding: "passt", key: "passt", address: (pod) => `${pod}/24`, families: ["IPv4", "IPv6"] },
  { binding: "slirp", key: "slirp", address: () => "10.0.2.15/24", families: ["IPv4"], isUnseen: true },
  { binding: "joined", address: (pod) => `${pod}/24`, families: ["IPv4"] },
])("$binding: a VM as it is written, its image, its guest, and traffic", async ({ key, ...journey }) => {
  logReleaseOnFailure(cluster);
  await proveJourney(cluster, { ...journey, start: (vmi) => startBy(journey.binding, vmi, key) });
});

test("macvtap: {}: a VM on a network of multus, translated, with a link of its own on the node's", async () => {
  logReleaseOnFailure(cluster);
  await proveMacvtap(cluster, (vmi) => startBy("macvtap", vmi, "macvtap", /MACVTAP-1.*write macAddress/));
});

const SRIOV = { resource: "intel.com/sriov_net", device: "0000:01:10.0" } as const;

test("sriov: its VMI is KubeVirt's own, whose pod has a function; the guest is reached by its other NIC", async () => {
  logReleaseOnFailure(cluster);
  const { api } = cluster;
  await startDevicePlugin(api, 1, cluster.node("node1"), ["sriov-main.ts", SRIOV.resource, SRIOV.device]);
  await cluster.addNetwork(network("fast", { type: "sriov" }, SRIOV.resource));
  const fast = { name: "fast", binding: { name: "sriov" } };
  const asked = vmWith("fast", [podNic("masquerade"), [fast, { multus: { networkName: "fast" } }]]);
  const vm = await startAsWritten(cluster, asked, {
    ...{ written: byName("sriov"), inVm: byName("sriov"), inVmi: { sriov: {} }, warnings: [] },
    sidecars: [images["masquerade"] ?? ""],
  });
  const inLauncher = (command: string): Promise<string> =>
    api.kubectl(["exec", vm.scheduled.pod.metadata.name, "--container=compute", "--", "sh", "-c", command]);
  expect(await inLauncher("echo $PCIDEVICE_INTEL_COM_SRIOV_NET; ls /dev/vfio")).toBe(`${SRIOV.device}\nvfio\n`);
  // What KubeVirt makes the domain's device of: the function that the pod has, by what multus reports of it.
  const info = (): Promise<string> => inLauncher("cat /etc/podinfo/network-info");
  await expect.poll(info, WITHIN).toContain(SRIOV.device);
  const [device] = sriovDevices(await vm.scheduled.objects.vmi(), await info());
  expect(device && printElement(device)).toMatch(/<hostdev.*bus=.0x01. slot=.0x10. function=.0x0./s);
  await proveTraffic(cluster, vm, ["IPv4"]);
  await proveEnd(cluster, vm);
});

test("a third party's process is asked about VMs and pods", async () => {
  logReleaseOnFailure(cluster);
  const [nic, pod] = podNic("joined");
  const refused = vmWith("refused", [[{ ...nic, model: "e1000" }, pod]]);
  await expect(startBy("joined", refused)).rejects.toThrow('"e1000" is not a model for joined');
  const scheduled = await cluster.schedule(vmWith("asked", [[nic, pod]]));
  const path = `/api/v1/namespaces/default/pods/${scheduled.pod.metadata.name}`;
  const { spec } = await cluster.api.request<{ spec: { containers: readonly { name: string; resources: object }[] } }>({
    path,
  });
  const sidecar = spec.containers.find(({ name }) => name === "hook-sidecar-0");
  expect(sidecar?.resources).toEqual({ requests: { memory: "70M" } });
  await cluster.remove(scheduled);
});

test("uninstalled, HyperConverged's CR says what the administrator wrote, and nothing else", async () => {
  logReleaseOnFailure(cluster);
  await new Helm(cluster.api, 3).run(["uninstall", "netbind", "--wait"]);
  const left = { slirp: { sidecarImage: images["slirp"] } };
  expect(await hyperConverged.networkBinding()).toEqual(left);
  await expect
    .poll(async () => (await cluster.readKubevirt()).spec.configuration.network?.binding, WITHIN)
    .toEqual(left);
  expect(hyperConverged.overwritten).toBe(0);
});
