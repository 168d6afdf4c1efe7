/** What the chart's hooks do on a real API server, with the rights that it gives them: apply, withdraw, check. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LifecycleError, withdrawAll } from "@netbind/controller";
import { ApiClient } from "@netbind/kube";
import { beforeAll, expect, test } from "vitest";
import { connectionOf } from "../support/cluster/api-connection.ts";
import type { ApiServer } from "../support/cluster/api-server.ts";
import { chartObject } from "../support/cluster/chart.ts";
import { runHook } from "../support/cluster/hook-command.ts";
import { hookRights } from "../support/cluster/hook-rights.ts";
import { applyNetworkBindingCrd } from "../support/cluster/network-binding-crd.ts";
import { Registering } from "../support/cluster/registering.ts";
import { useApiServer, useCluster } from "../support/cluster/use-api-server.ts";

const WITHIN = { timeout: 60_000, interval: 100 };
const ALL = ["bridge", "macvtap", "masquerade", "passt", "slirp", "sriov"];

let api: ApiServer;
beforeAll(async () => {
  api = useApiServer();
  await applyNetworkBindingCrd(api);
});

/** Applies NetworkBindings as the chart's hook does. Gives what it printed. */
async function applySpecs(namespace: string, specs: string, ...options: readonly string[]): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), "netbind-bindings-"));
  try {
    const file = join(directory, "bindings.json");
    writeFileSync(file, specs);
    const { code, out, said } = await runHook(api, namespace, "bindings", ["apply-bindings", file, ...options]);
    expect({ code, said }).toEqual({ code: 0, said: "" });
    return out;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const specsOfChart = (): string => chartObject("ConfigMap", "netbind-bindings").data?.["bindings.json"] ?? "";

test("the chart's NetworkBindings are those of its values; others stay", async () => {
  await using lab = await Registering.make(api, {});
  await lab.bind("theirs", { image: "registry.example/theirs" });
  await applySpecs(lab.namespace, specsOfChart());
  expect(await lab.names()).toEqual([...ALL, "theirs"].sort());
  const passt = { fallback: "Always", grants: { capabilities: ["NET_RAW"] } };
  expect(await applySpecs(lab.namespace, JSON.stringify({ passt }))).toContain("deleted slirp");
  expect(await lab.names()).toEqual(["passt", "theirs"]);
  expect((await lab.binding("passt")).spec).toEqual(passt);
  expect(hookRights(useCluster(), lab.namespace, "bindings")).toEqual({ unused: [], denied: [] });
});

test("with --wait, bindings are registered when the hook is done; what stays as it is holds nothing up, and is printed", async () => {
  const theirs = { configuration: { network: { binding: { slirp: { sidecarImage: "registry.example/slirp" } } } } };
  await using lab = await Registering.make(api, theirs);
  const specs = JSON.stringify({ passt: {}, slirp: {}, sriov: {} });
  const stop = new AbortController();
  lab.control(undefined, { signal: stop.signal });
  expect(await applySpecs(lab.namespace, specs, "--wait=30")).not.toContain("not registered");
  expect(Object.keys(await lab.registered()).sort()).toEqual(["passt", "slirp"]);
  expect([await lab.reason("passt", "Ready"), await lab.reason("slirp", "Ready")]).toEqual([
    "True Ready",
    "False OwnedByOther",
  ]);
  stop.abort();
  const printed = await applySpecs(lab.namespace, JSON.stringify({ macvtap: {} }), "--wait=1");
  expect(printed).toContain("not registered within 1 s: macvtap");
});

/** The controller's Deployment, and a pod of it: nobody else makes them here. */
async function makeController(namespace: string): Promise<void> {
  const { metadata, ...deployment } = chartObject("Deployment", "netbind-controller");
  await api.apply({ ...deployment, metadata: { name: metadata.name, namespace } });
  const containers = [{ name: "controller", image: "none" }];
  const pod = { name: "controller", namespace, labels: { app: "netbind-controller" } };
  await api.apply({ apiVersion: "v1", kind: "Pod", metadata: pod, spec: { containers } });
}

const replicas = async (namespace: string): Promise<number> => {
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments/netbind-controller`;
  return (await api.request<{ spec: { replicas: number } }>({ path })).spec.replicas;
};
const removePod = (namespace: string): Promise<unknown> =>
  api.request({ method: "DELETE", path: `/api/v1/namespaces/${namespace}/pods/controller?gracePeriodSeconds=0` });

const vmiPath = (namespace: string): string => `/apis/kubevirt.io/v1/namespaces/${namespace}/virtualmachineinstances`;
async function makeVmi(namespace: string, binding: string): Promise<void> {
  const devices = { interfaces: [{ name: "red", binding: { name: binding } }] };
  const spec = { domain: { devices }, networks: [{ name: "red", pod: {} }] };
  const metadata = { name: "vm" };
  const body = { apiVersion: "kubevirt.io/v1", kind: "VirtualMachineInstance", metadata, spec };
  await api.request({ method: "POST", path: vmiPath(namespace), body });
}

test("while a VMI uses a binding nothing is withdrawn; then the CR is as it was, and what is not the chart's stays", async () => {
  const theirs = { configuration: { network: { binding: { slirp: { sidecarImage: "registry.example/slirp" } } } } };
  await using lab = await Registering.make(api, theirs);
  const { namespace } = lab;
  await makeController(namespace);
  const stop = new AbortController();
  lab.control(undefined, { signal: stop.signal });
  await lab.bind("red", { image: "registry.example/red", registration: {} });
  await applySpecs(namespace, specsOfChart());
  await expect.poll(async () => Object.keys(await lab.registered()).length, WITHIN).toBe(6);
  await makeVmi(namespace, "passt");
  const refused = await runHook(api, namespace, "uninstall", ["withdraw"]);
  expect(refused.code).toBe(1);
  expect(refused.said).toMatch(
    new RegExp(`^VMIs use bindings of Netbind: ${namespace}/vm \\(passt\\)\\. Nothing was removed`),
  );
  expect([await replicas(namespace), Object.keys(await lab.registered()).length]).toEqual([2, 6]);
  // By force, although it runs on.
  const withdrawn = runHook(api, namespace, "uninstall", ["withdraw", "--force"]);
  await expect.poll(() => replicas(namespace), WITHIN).toBe(0);
  stop.abort();
  await removePod(namespace);
  expect(await withdrawn).toMatchObject({ code: 0, said: "" });
  expect(await lab.specOf()).toEqual(theirs);
  const { managedFields } = (await lab.read("kubevirts", "kubevirt")).metadata;
  expect(managedFields.map(({ manager }) => manager)).toEqual(["admin"]);
  expect(await lab.names()).toEqual(["red"]);
  expect((await lab.binding("red")).metadata.finalizers).toBeUndefined();
  expect(hookRights(useCluster(), namespace, "uninstall")).toEqual({ unused: [], denied: [] });
});

test("where the controller does not end, it is left running, and nothing is withdrawn", async () => {
  await using lab = await Registering.make(api, {});
  const { namespace } = lab;
  await makeController(namespace);
  lab.control();
  await lab.bind("macvtap");
  await expect.poll(() => lab.reason("macvtap", "Ready"), WITHIN).toBe("True Ready");
  using client = new ApiClient(connectionOf(api.credentials));
  const parts = { client, namespace, kubevirtNamespace: namespace, force: false, onProgress: () => undefined };
  const withdrawn = withdrawAll({ ...parts, timeout: 1000 });
  await expect(withdrawn).rejects.toThrow(LifecycleError);
  await expect(withdrawn).rejects.toThrow("pods of the controller do not end: controller");
  expect(await replicas(namespace)).toBe(2);
  expect(await lab.registered()).toHaveProperty("macvtap");
});
