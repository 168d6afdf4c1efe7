/** Bindings of a cluster whose KubeVirt CR HyperConverged's operator writes: registered where it reads them. */
import { beforeAll, expect, test } from "vitest";
import type { ApiServer } from "../support/cluster/api-server.ts";
import { HyperConverged, type OperatorSettings } from "../support/cluster/hyperconverged.ts";
import { withCrdSchema } from "../support/cluster/kubevirt-crds.ts";
import { applyNetworkBindingCrd } from "../support/cluster/network-binding-crd.ts";
import { Registering, TEST_DIGEST } from "../support/cluster/registering.ts";
import { useApiServer } from "../support/cluster/use-api-server.ts";

const WITHIN = { timeout: 30_000, interval: 50 };
const SLIRP = { sidecarImage: `netbind/slirp:0.0.0@${TEST_DIGEST}` };

let api: ApiServer;
beforeAll(async () => {
  api = useApiServer();
  await applyNetworkBindingCrd(api);
});

/** A cluster's KubeVirt CR with HyperConverged's operator, and the controller beside them. */
async function install(
  stack: AsyncDisposableStack,
  settings: Omit<OperatorSettings, "namespace"> = {},
): Promise<{ readonly lab: Registering; readonly hyperConverged: HyperConverged }> {
  const lab = stack.use(await Registering.make(api, { imagePullPolicy: "Always" }));
  const hyperConverged = stack.use(await HyperConverged.install(api, { namespace: lab.namespace, ...settings }));
  return { lab, hyperConverged };
}

const registered = (lab: Registering): Promise<string> => lab.reason("slirp", "Registered");

test("HyperConverged's CR is written, its operator copies that, and has nothing to overwrite", async () => {
  await using stack = new AsyncDisposableStack();
  const { lab, hyperConverged } = await install(stack);
  await expect.poll(() => lab.read("kubevirts", "kubevirt"), WITHIN).toHaveProperty("metadata.ownerReferences");
  lab.control();
  await lab.bind("slirp");
  await expect.poll(() => registered(lab), WITHIN).toBe("True Written");
  expect((await lab.conditions("slirp"))["Registered"]?.message).toContain("spec.networkBinding.slirp");
  expect([await hyperConverged.networkBinding(), await lab.registered()]).toEqual([{ slirp: SLIRP }, { slirp: SLIRP }]);
  // While nothing is copied, VMs could not use it.
  await hyperConverged.stop();
  await lab.bind("macvtap");
  await expect.poll(() => lab.reason("macvtap", "Registered"), WITHIN).toBe("False NotPropagated");
  expect(await lab.registered()).toEqual({ slirp: SLIRP });
  hyperConverged.start();
  await expect.poll(() => lab.reason("macvtap", "Registered"), WITHIN).toBe("True Written");
  for (const name of ["slirp", "macvtap"]) await lab.unbind(name);
  await expect.poll(() => lab.names(), WITHIN).toEqual([]);
  await expect.poll(() => lab.registered(), WITHIN).toEqual({});
  expect(await lab.specOf("hyperconvergeds", "kubevirt-hyperconverged")).toEqual({});
  expect(hyperConverged.overwritten).toBe(0);
});

test("what an administrator registers in HyperConverged's CR stays theirs, and the condition says so", async () => {
  const theirs = { slirp: { sidecarImage: "registry.example/slirp:1" } };
  await using stack = new AsyncDisposableStack();
  const { lab, hyperConverged } = await install(stack);
  await hyperConverged.register(theirs);
  await expect.poll(() => lab.registered(), WITHIN).toEqual(theirs);
  lab.control();
  await lab.bind("slirp");
  await expect.poll(() => registered(lab), WITHIN).toBe("False OwnedByOther");
  expect((await lab.conditions("slirp"))["Registered"]?.message).toContain(
    '"kubectl-edit" owns spec.networkBinding.slirp.sidecarImage of HyperConverged',
  );
  await lab.bind("macvtap");
  await expect.poll(() => lab.reason("macvtap", "Registered"), WITHIN).toBe("True Written");
  for (const name of ["slirp", "macvtap"]) await lab.unbind(name);
  await expect.poll(() => lab.names(), WITHIN).toEqual([]);
  expect(await hyperConverged.networkBinding()).toEqual(theirs);
  await expect.poll(() => lab.registered(), WITHIN).toEqual(theirs);
});

test("an operator that reverts what is written is not fought: the condition says what to write instead, which helps", async () => {
  await using stack = new AsyncDisposableStack();
  const { lab, hyperConverged } = await install(stack, { refers: false });
  lab.control();
  await lab.bind("slirp");
  await expect.poll(() => registered(lab), WITHIN).toBe("False Reverted");
  expect((await lab.conditions("slirp"))["Registered"]?.message).toContain(
    "HyperConverged's operator writes this CR: register the binding in spec.networkBinding of its own",
  );
  expect(await lab.reason("slirp", "Ready")).toBe("False Reverted");
  const { overwritten } = hyperConverged;
  expect(overwritten).toBeGreaterThanOrEqual(3);
  await hyperConverged.register({ slirp: SLIRP });
  // It is the controller's where the operator finds what was written last, and has nothing to change.
  await expect.poll(() => registered(lab), WITHIN).toMatch(/^True (RegisteredByOther|Written)$/);
  expect(await lab.registered()).toEqual({ slirp: SLIRP });
  expect(hyperConverged.overwritten - overwritten).toBeLessThanOrEqual(2);
});

test("a HyperConverged CR that cannot be read is said, and nothing is written in its place", async () => {
  await using lab = await Registering.make(api);
  const owner = { apiVersion: "hco.kubevirt.io/v1beta1", kind: "HyperConverged", name: "gone", uid: "u" };
  await lab.create("kubevirts", "kubevirt", {}, { ownerReferences: [owner] });
  lab.control();
  await lab.bind("slirp");
  await expect.poll(() => lab.reason("slirp", "Registered"), WITHIN).toBe("False HyperConvergedUnreadable");
  expect(await lab.registered()).toEqual({});
});

test("a HyperConverged CR that does not know the field, as an older one's, is said in the server's words", async () => {
  const spec = { type: "object", properties: { featureGates: { type: "object" } } };
  await using _ = await withCrdSchema(api, "hyperconvergeds.hco.kubevirt.io", { type: "object", properties: { spec } });
  await using lab = await Registering.make(api);
  const uid = await lab.create("hyperconvergeds", "hco", {});
  const owner = { apiVersion: "hco.kubevirt.io/v1beta1", kind: "HyperConverged", name: "hco", uid };
  await lab.create("kubevirts", "kubevirt", {}, { ownerReferences: [owner] });
  lab.control();
  await lab.bind("slirp");
  await expect.poll(() => lab.reason("slirp", "Registered"), WITHIN).toBe("False WriteRefused");
  const { message } = (await lab.conditions("slirp"))["Registered"] ?? {};
  expect(message).toMatch(/cannot patch hyperconvergeds.*networkBinding: field not declared in schema/);
  await lab.unbind("slirp");
  await expect.poll(() => lab.names(), WITHIN).toEqual([]);
});
