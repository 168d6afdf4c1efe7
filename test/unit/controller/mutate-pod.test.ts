/** Launcher pods as they are sent to be changed: whose are, what is asked, and what is said where the answer is not known. */
import { defineBinding } from "@netbind/contract";
import { askPodNeeds, mutatePod } from "@netbind/controller";
import { ApiClient } from "@netbind/kube";
import { type Grants, STANDARD_GRANTS } from "@netbind/engine";
import type { Vmi } from "@netbind/kubevirt";
import { afterEach, expect, test } from "vitest";

const VIRT_CONTROLLER = "system:serviceaccount:kubevirt:kubevirt-controller";
const GRANTS = { ...STANDARD_GRANTS, devices: ["example.com/nic"], annotations: ["example.com/asked"] };
const grants = (): Grants => GRANTS;
const CONTEXT = { configuration: {}, ours: new Set(["acme"]), grants };

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).toReversed()) await step();
});

const acme = defineBinding({
  name: "acme",
  contract: "v1alpha1",
  migration: "none",
  needs: ({ name }) => ({
    sidecar: { memoryBytes: 1000 },
    ...(name.startsWith("device")
      ? { compute: { devices: { "example.com/nic": 1 } }, pod: { annotations: { "example.com/asked": "yes" } } }
      : {}),
    ...(name === "other" ? { pod: { annotations: { "example.com/asked": "no" } } } : {}),
    ...(name === "raw" ? { compute: { capabilities: ["NET_RAW", "NET_BIND_SERVICE"] } } : {}),
  }),
  plan: () => ({ domain: { kind: "tap" } }),
});
const vmiOf = (...names: readonly string[]): Vmi => ({
  ...{ apiVersion: "kubevirt.io/v1", kind: "VirtualMachineInstance", metadata: { name: "vm", namespace: "default" } },
  spec: {
    domain: { devices: { interfaces: names.map((name) => ({ name, binding: { name: "acme" } })) } },
    networks: names.map((name) => ({ name, pod: {} })),
  },
});

const sidecar = (binding: string): object => ({
  ...{ name: "hook-sidecar-0", volumeMounts: [{ name: "hook-sidecar-sockets" }] },
  env: [{ name: "NETWORK_BINDING_PLUGIN_NAME", value: binding }],
});
const owner = { apiVersion: "kubevirt.io/v1", kind: "VirtualMachineInstance", name: "vm", uid: "1", controller: true };
const requestOf = (change: object = {}, binding = "acme"): Parameters<typeof mutatePod>[0] => ({
  ...{ uid: "u", kind: "Pod", namespace: "default", name: "", operation: "CREATE", username: VIRT_CONTROLLER },
  object: { metadata: { ownerReferences: [owner] }, spec: { containers: [{ name: "compute" }, sidecar(binding)] } },
  ...change,
});

/** The parts of webhooks whose API server is away. */
function parts(): Parameters<typeof mutatePod>[2] {
  const server = new URL("https://127.0.0.1:1");
  const client = new ApiClient({ server, source: "the test", credentials: () => ({ ca: "" }) });
  undo.push(() => client[Symbol.dispose]());
  return { client, virtController: VIRT_CONTROLLER };
}

test("while the VMI cannot be read, its pod is refused for now, with the reason", async () => {
  const { causes, status, patch = [] } = await mutatePod(requestOf(), CONTEXT, parts());
  expect(status).toEqual({ code: 503, reason: "ServiceUnavailable" });
  expect(causes[0]?.message).toMatch(/^the VMI cannot be read, so the pod is not made yet: .*nothing listens there/);
  expect(patch).toEqual([]);
});

test.each<readonly [string, Parameters<typeof mutatePod>[0]]>([
  ["another account's", requestOf({ username: "alice" })],
  ["an update", requestOf({ operation: "UPDATE" })],
  ["another kind", requestOf({ kind: "ConfigMap" })],
  ["without containers", requestOf({ object: {} })],
  ["without a sidecar of ours", requestOf({}, "theirs")],
])("a pod that is %s is stored as it is, and nothing is read for it", async (_, request) => {
  expect(await mutatePod(request, CONTEXT, parts())).toEqual({ causes: [], warnings: [] });
});

test("what all NICs of a binding need is added up", async () => {
  const needs = await askPodNeeds(vmiOf("a", "b"), ["acme"], () => acme, grants);
  expect(needs).toEqual({
    ...{ sidecars: new Map([["acme", { memoryBytes: 2000, cpuMillis: 0 }]]), violations: [] },
    ...{ devices: new Map(), annotations: new Map() },
  });
  const devices = await askPodNeeds(vmiOf("device", "device-too"), ["acme"], () => acme, grants);
  expect(devices).toMatchObject({
    ...{ devices: new Map([["example.com/nic", 2]]), annotations: new Map([["example.com/asked", "yes"]]) },
    violations: [],
  });
});

test("a capability is refused, but for the one that every launcher has", async () => {
  const { violations } = await askPodNeeds(vmiOf("raw"), ["acme"], () => acme, grants);
  expect(violations.map(({ field, problem }) => `${field}: ${problem}`)).toEqual([
    'spec.domain.devices.interfaces[0]: binding "acme" needs the capability NET_RAW in the launcher, which runs as uid 107: what a pod\'s specification adds is not effective there',
  ]);
});

test("where nothing answers for a binding, the pod is refused", async () => {
  const { violations } = await askPodNeeds(vmiOf("a"), ["acme"], () => undefined, grants);
  expect(violations[0]?.problem).toMatch(/^nothing answers for binding "acme" beside the controller/);
});

test("a binding that does not answer in time fails", async () => {
  const silent = { ...acme, needs: () => new Promise<never>(() => {}) };
  await expect(askPodNeeds(vmiOf("a"), ["acme"], () => silent, grants)).rejects.toThrow("did not answer within 2 s");
});

const fields = (violations: readonly { readonly field: string; readonly problem: string }[]): readonly string[] =>
  violations.map(({ field, problem }) => `${field}: ${problem}`);

test("what is not granted is refused, each NIC and each name by itself, with the grant that permits it", async () => {
  const { violations } = await askPodNeeds(
    vmiOf("a", "device"),
    ["acme"],
    () => acme,
    () => STANDARD_GRANTS,
  );
  expect(fields(violations)).toEqual([
    'spec.domain.devices.interfaces[1]: binding "acme" needs the resource "example.com/nic", which is not granted to it',
    'spec.domain.devices.interfaces[1]: binding "acme" needs the annotation "example.com/asked", which is not granted to it',
  ]);
  expect(violations[0]?.fix).toContain('{"acme": {"devices": ["example.com/nic"]}}');
});

test("two values of one annotation are refused: a pod has one", async () => {
  const { violations } = await askPodNeeds(vmiOf("device", "other"), ["acme"], () => acme, grants);
  expect(fields(violations)).toEqual([
    `spec.domain.devices.interfaces[1]: binding "acme" needs another value of the pod's annotation "example.com/asked" than an interface before it`,
  ]);
});
