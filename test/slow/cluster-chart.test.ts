/** The chart on a cluster, by helm 3 and 4: installed from a registry, tested, updated under a VM that runs, and removed. */
import { releasedGrants } from "@netbind/bindings";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CHART, type ChartValues } from "../support/cluster/chart.ts";
import { logReleaseOnFailure, makeReleaseNamespace } from "../support/cluster/chart-release.ts";
import { Helm, type HelmRelease } from "../support/cluster/helm.ts";
import { expectPage, podNic, proveEnd, serveIn, vmWith } from "../support/cluster/journey.ts";
import { makeClient, makeService } from "../support/cluster/services.ts";
import { type ClusterVm, VmCluster } from "../support/cluster/vm-cluster.ts";

const LONG = { timeout: 900_000 } as const;
const WITHIN = { timeout: 60_000, interval: 500 };
const PORT = 8080;

let cluster: VmCluster;
beforeAll(async () => {
  const bindings = ["bridge", "masquerade", "passt", "slirp"] as const;
  cluster = await VmCluster.up({ purpose: "chart", bindings, nodes: 1, isBare: true });
  await makeReleaseNamespace(cluster.api);
});
afterAll(() => cluster[Symbol.asyncDispose]());

/** What of the release is in the cluster, but for the definition of NetworkBindings, which stays. */
async function leftovers(): Promise<string> {
  const kinds = "deploy,ds,po,job,cm,secret,sa,svc,pdb,lease,role,rolebinding,clusterrole,clusterrolebinding";
  const policies = "validatingwebhookconfiguration,mutatingwebhookconfiguration,validatingadmissionpolicy";
  const ours = await cluster.api.kubectl(["get", `${kinds},${policies}`, "--all-namespaces", "--output=name"]);
  const bindings = await cluster.api.kubectl(["get", "networkbindings", "--output=name"]);
  return `${ours}${bindings}`
    .split("\n")
    .filter((name) => name.includes("netbind"))
    .join("\n");
}

const uidsOf = async (selector: string): Promise<readonly string[]> => {
  const path = `/api/v1/pods?labelSelector=${encodeURIComponent(selector)}`;
  const { items } = await cluster.api.request<{ items: readonly { metadata: { uid: string } }[] }>({ path });
  return items.map(({ metadata }) => metadata.uid);
};

/** A VM whose guest serves a page through a Service. Gives what proves that it does. */
async function startServing(
  name: string,
  binding: string,
): Promise<{ readonly vm: ClusterVm; readonly prove: () => Promise<void> }> {
  await cluster.readKubevirt();
  const vm = await cluster.start(vmWith(name, [podNic(binding)]));
  await makeClient(cluster.api);
  const [at = ""] = await makeService(cluster.api, { name, port: PORT, families: ["IPv4"] });
  const page = await serveIn(vm);
  return { vm, prove: () => expectPage(cluster, page, at) };
}

/** A binding of others: here this release's masquerade under another name, asked as a process of its own, and granted the same. */
const withThirdParty = (): ChartValues => {
  const registration = { domainAttachmentType: "tap", migration: {} };
  const { masquerade: grants } = releasedGrants();
  return { thirdParty: { red: { image: cluster.images["masquerade"], user: 65_600, registration, grants } } };
};

interface Case {
  readonly major: HelmRelease;
  readonly binding: string;
  readonly values: () => ChartValues;
}

const DIFFERENT = { controller: { logLevel: "debug" }, agent: { podAnnotations: { "netbind.dev/changed": "yes" } } };

test.each<Case>([
  { major: 3, binding: "masquerade", values: () => ({}) },
  { major: 4, binding: "red", values: withThirdParty },
])("helm $major: install, test, a VM with $binding, upgrade under it, uninstall", LONG, async (one) => {
  logReleaseOnFailure(cluster);
  const { major, binding } = one;
  const helm = new Helm(cluster.api, major);
  const values = { ...cluster.chartValues, ...one.values() };
  const before = await cluster.readKubevirt();
  const notes = await helm.put("install", CHART, values);
  expect(notes).toContain("helm test netbind");
  const tested = await helm.run(["test", "netbind"]);
  expect(tested).toContain("agents: ready on 1 of 1 nodes");
  expect(tested).toContain("webhooks: the API server asks them, and they refuse what would never run");
  // The VM of the notes is one that the webhooks take.
  const [, trial = ""] = /<<EOF\n(.*?)\n *EOF\n/s.exec(notes) ?? [];
  expect(await cluster.api.kubectl(["apply", "--dry-run=server", "--filename=-"], trial)).toContain("netbind-trial");
  const registered = (await cluster.readKubevirt()).spec.configuration.network?.binding ?? {};
  const names = [...new Set(["bridge", "macvtap", "masquerade", "passt", "slirp", binding])].sort();
  expect(Object.keys(registered).sort()).toEqual(names);
  expect(registered["passt"]).toMatchObject({ sidecarImage: cluster.images["passt"], migration: {} });
  const name = `web-${major}`;
  const { vm, prove } = await startServing(name, binding);
  await prove();
  const pods = [await uidsOf(`vm.kubevirt.io/name=${name}`), await uidsOf("app=netbind-agent")];
  await helm.put("upgrade", CHART, { ...values, ...DIFFERENT });
  expect(await uidsOf(`vm.kubevirt.io/name=${name}`)).toEqual(pods[0]);
  expect(await uidsOf("app=netbind-agent")).not.toEqual(pods[1]);
  await prove();
  const refusal = `VMIs use bindings of Netbind: default/${name} (${binding}). Nothing was removed.`;
  const uninstalled = helm.run(["uninstall", "netbind", "--wait"]);
  await expect(uninstalled).rejects.toThrow(refusal);
  await expect(uninstalled).rejects.toThrow("To keep Netbind: helm rollback netbind 2 --namespace netbind");
  await prove();
  expect((await cluster.readKubevirt()).spec.configuration.network?.binding).toEqual(registered);
  // What a refusal says to do can be done.
  expect(await helm.run(["rollback", "netbind", "2", "--wait"])).toContain("Rollback was a success");
  await helm.put("upgrade", CHART, { ...values, uninstall: { force: true } });
  await proveEnd(cluster, vm);
  await helm.run(["uninstall", "netbind", "--wait"]);
  const after = await cluster.readKubevirt();
  expect(after.spec).toEqual(before.spec);
  const managers = (kubevirt: typeof before): unknown =>
    kubevirt.metadata.managedFields.map(({ manager }) => manager).sort();
  expect(managers(after)).toEqual(managers(before));
  await expect.poll(leftovers, WITHIN).toBe("");
});
