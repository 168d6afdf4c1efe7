/** The chart on a cluster in two versions: updated from an earlier one, and rolled back, under VMs that run. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { CHART, type ChartValues, imageValues } from "../support/cluster/chart.ts";
import { awaitBindings, logReleaseOnFailure, makeReleaseNamespace } from "../support/cluster/chart-release.ts";
import { EARLIER_VERSION, packageEarlier } from "../support/cluster/earlier-chart.ts";
import { Helm } from "../support/cluster/helm.ts";
import { ECHO_PORT, holdConnection, holdPing } from "../support/cluster/held-traffic.ts";
import { expectPage, podNic, proveEnd, serveIn, vmWith } from "../support/cluster/journey.ts";
import { NETWORK_BINDINGS_PATH } from "../support/cluster/network-binding-crd.ts";
import { ReadyHistory } from "../support/cluster/ready-history.ts";
import { pushVersion } from "../support/cluster/registry.ts";
import { makeClient } from "../support/cluster/services.ts";
import { type ClusterVm, VmCluster } from "../support/cluster/vm-cluster.ts";

const LONG = 900_000;
const WITHIN = { timeout: 60_000, interval: 500 };
const BINDINGS = ["bridge", "masquerade", "passt", "slirp"] as const;
const CRD_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/networkbindings.netbind.dev";

let cluster: VmCluster;
let helm: Helm;
/** The earlier version's images by name, by digest. */
let earlier: Readonly<Record<string, string>>;

beforeAll(async () => {
  cluster = await VmCluster.up({ purpose: "chart-versions", bindings: BINDINGS, nodes: 1, isBare: true });
  const { api, directory, images } = cluster;
  const pushed: Record<string, string> = {};
  for (const [name, image] of Object.entries(images))
    pushed[name] = await pushVersion(directory, image, name, "earlier");
  earlier = pushed;
  helm = new Helm(api, 3);
  await makeReleaseNamespace(api);
  await makeClient(api);
}, LONG);
afterAll(() => cluster[Symbol.asyncDispose]());

const valuesOf = (images: Readonly<Record<string, string>>): ChartValues => ({
  ...cluster.chartValues,
  images: Object.fromEntries(Object.entries(images).map(([name, image]) => [name, imageValues(image)])),
});

/** What the next version knows, and the earlier one does not: a value, and a field of NetworkBindings. */
const GRANTS = { capabilities: ["NET_RAW"] };
const MORE = { controller: { logLevel: "debug" }, plugins: { slirp: { grants: GRANTS } } };

const addressOf = ({ scheduled: { pod } }: ClusterVm): string => pod.status.podIPs?.[0]?.ip ?? "";
const passtImage = async (): Promise<string | undefined> =>
  (await cluster.readKubevirt()).spec.configuration.network?.binding?.["passt"]?.sidecarImage;

interface Installed {
  /** The version of what is installed, as the definition of NetworkBindings says it. */
  readonly version: string | undefined;
  /** True where NetworkBindings have the field that the next version brings. */
  readonly hasField: boolean;
  /** What the NetworkBinding "slirp" says. */
  readonly slirp: object;
}
async function installed(): Promise<Installed> {
  const crd = await cluster.api.request<{ metadata: { labels: Record<string, string> }; spec: object }>({
    path: CRD_PATH,
  });
  const slirp = await cluster.api.request<{ spec: object }>({ path: `${NETWORK_BINDINGS_PATH}/slirp` });
  const hasField = JSON.stringify(crd.spec).includes('"capabilities"');
  return { version: crd.metadata.labels["app.kubernetes.io/version"], hasField, slirp: slirp.spec };
}

const EARLIER: Installed = { version: EARLIER_VERSION, hasField: false, slirp: { fallback: "Always" } };
const NEXT: Installed = { version: "0.0.0", hasField: true, slirp: { fallback: "Always", grants: GRANTS } };

/** Checks what is installed, and that VMs that start now have its images. */
async function expectInstalled(expected: Installed, images: Readonly<Record<string, string>>): Promise<void> {
  expect(await installed()).toEqual(expected);
  await expect.poll(passtImage, WITHIN).toBe(images["passt"]);
  await awaitBindings(cluster.api, ...BINDINGS);
  const scheduled = await cluster.schedule(vmWith("newcomer", [podNic("slirp")]));
  const { status } = await cluster.api.request<{
    status: { containerStatuses: readonly { name: string; imageID: string }[] };
  }>({ path: `/api/v1/namespaces/default/pods/${scheduled.pod.metadata.name}` });
  const [sidecar] = status.containerStatuses.filter(({ name }) => name === "hook-sidecar-0");
  expect(sidecar?.imageID).toBe(images["slirp"]);
  await cluster.remove(scheduled);
}

/** A VM with ports of its own. */
const start = (binding: string): Promise<ClusterVm> => {
  const [nic, network] = podNic(binding);
  const ports = [...(nic.ports ?? []), { port: ECHO_PORT }];
  return cluster.start(vmWith(`runs-${binding}`, [[binding === "bridge" ? nic : { ...nic, ports }, network]]));
};

test("updated from an earlier version and rolled back: VMs that run lose nothing, and bindings stay ready", {
  timeout: LONG,
}, async () => {
  logReleaseOnFailure(cluster);
  const { api, images } = cluster;
  const chart = await packageEarlier(cluster.directory.path);
  await expect(helm.put("install", chart, { ...valuesOf(earlier), ...MORE })).rejects.toThrow("logLevel");
  await helm.put("install", chart, valuesOf(earlier));
  await expectInstalled(EARLIER, earlier);
  const vms = [await start("bridge"), await start("masquerade")] as const;
  const [pinged, connected] = vms;
  const pings = await holdPing(api, addressOf(pinged));
  const lines = await holdConnection(api, connected, addressOf(connected));
  const history = new ReadyHistory(api);
  await helm.put("upgrade", CHART, { ...valuesOf(images), ...MORE });
  await expectInstalled(NEXT, images);
  await helm.run(["rollback", "netbind", "1", "--wait", "--timeout=4m"]);
  await expectInstalled(EARLIER, earlier);
  await helm.put("upgrade", CHART, { ...valuesOf(images), ...MORE });
  await expectInstalled(NEXT, images);
  const traffic = { pings: await pings(), lines: await lines() };
  expect(traffic).toMatchObject({ pings: { lost: [] }, lines: { lost: [] } });
  expect(Math.min(traffic.pings.sent, traffic.lines.sent)).toBeGreaterThan(100);
  // One line each: there all the time, and ready.
  const seen = await history.end();
  expect(seen.map((line) => line.replace(/ \S+/, ""))).toEqual([
    ...["bridge", "macvtap", "masquerade", "passt", "slirp"].map((name) => `${name} True Ready`),
    "sriov False OwnKey",
  ]);
  for (const vm of vms) {
    await expectPage(cluster, await serveIn(vm), addressOf(vm));
    await proveEnd(cluster, vm);
  }
  await helm.run(["uninstall", "netbind", "--wait"]);
});
