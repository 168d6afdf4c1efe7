/** What is stored of VMs, VMIs and launcher pods, and what is not, with the mutating webhooks and while they are away. */
import { BINDINGS_ANNOTATION, type Planner, type ReviewContext, reviewContextOf } from "@netbind/controller";
import { type Grants, STANDARD_GRANTS } from "@netbind/engine";
import type { KubevirtConfiguration, Vmi } from "@netbind/kubevirt";
import { waitUntil } from "@netbind/netns";
import { afterAll, beforeAll, expect, test } from "vitest";
import picky from "../plugins/picky.ts";
import { ApiError, type ApiServer, type TestNamespace } from "../support/cluster/api-server.ts";
import { launcherPodOf } from "../support/cluster/launcher-pod.ts";
import { testRelease } from "../support/cluster/registering.ts";
import { ServedWebhooks } from "../support/cluster/served-webhooks.ts";
import { useApiServer, useCluster } from "../support/cluster/use-api-server.ts";
import { permitPods } from "../support/cluster/virt-controller.ts";
import { removeWebhookConfigurations } from "../support/cluster/webhook-objects.ts";

const stack = new AsyncDisposableStack();
const NEEDED_NAMES = { devices: ["example.com/fpga"], annotations: ["example.com/asked"] };
/** What a test grants. */
const granted: Record<string, Grants> = {};

let api: ApiServer;
let namespace: TestNamespace;
let webhooks: ServedWebhooks;
let virtController: string;

const REGISTERED = ["slirp", "passt", "masquerade", "picky"].map(
  (name) => [name, { sidecarImage: `${name}:1` }] as const,
);
const CONFIGURATION: KubevirtConfiguration = {
  network: { binding: { ...Object.fromEntries(REGISTERED), macvtap: { domainAttachmentType: "tap" } } },
};
const context = (): ReviewContext => {
  const known = reviewContextOf({ configuration: CONFIGURATION, version: "v1.9.0" }, [], testRelease());
  const planners = (name: string): Planner | undefined => (name === "picky" ? picky : testRelease().get(name));
  return {
    ...known,
    ours: new Set([...known.ours, "picky"]),
    planners,
    grants: (name) => granted[name] ?? known.grants(name),
  };
};

beforeAll(async () => {
  api = useApiServer();
  namespace = stack.use(await api.makeNamespace());
  virtController = `system:serviceaccount:${namespace.name}:kubevirt-controller`;
  const parts = { api, cluster: useCluster(), namespace: namespace.name, virtController, context };
  webhooks = await ServedWebhooks.make(parts, stack);
  stack.defer(() => removeWebhookConfigurations(api));
  // Without a controller manager they would stay, and wait in later tests.
  stack.defer(() => api.request({ method: "DELETE", path: pathOf("VirtualMachineInstance") }));
  await permitPods(api, namespace.name, virtController, "bob");
  webhooks.up();
  // Configurations take effect a moment after they are stored.
  let at = 0;
  const isAsked = async (): Promise<boolean> => {
    const { metadata } = await store<Vmi>(vmiOf(`early-${at++}`, { passt: {} }));
    return metadata.annotations?.[BINDINGS_ANNOTATION] === "passt";
  };
  if (!(await waitUntil(isAsked, 30_000, 100))) throw new Error(`nothing is asked: ${webhooks.problems.join()}`);
});
afterAll(() => stack.disposeAsync());

type Nic = Readonly<Record<string, unknown>>;
interface Stored {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly generation?: number; readonly annotations?: object };
}
type LauncherVmi = Vmi & { readonly metadata: { readonly uid: string } };

const NETWORK: Readonly<Record<string, object>> = {
  macvtap: { multus: { networkName: "lan" } },
  sriov: { multus: { networkName: "lan" } },
};
const networkOf = (nic: Nic): object =>
  NETWORK[Object.keys(nic)[0] ?? ""] ??
  NETWORK[(nic["binding"] as { name?: string } | undefined)?.name ?? ""] ?? { pod: {} };
const specOf = (nic: Nic): object => ({
  domain: { devices: { interfaces: [{ name: "red", ...nic }] }, resources: { requests: { memory: "64Mi" } } },
  networks: [{ name: (nic["name"] as string | undefined) ?? "red", ...networkOf(nic) }],
});
const vmiOf = (name: string, nic: Nic): Stored & { readonly spec: object } => ({
  ...{ apiVersion: "kubevirt.io/v1", kind: "VirtualMachineInstance", metadata: { name }, spec: specOf(nic) },
});
const vmOf = (name: string, nic: Nic): Stored & { readonly spec: object } => ({
  ...{ apiVersion: "kubevirt.io/v1", kind: "VirtualMachine", metadata: { name } },
  spec: { runStrategy: "Halted", template: { metadata: {}, spec: specOf(nic) } },
});

const pathOf = (kind: string): string =>
  kind === "Pod"
    ? `/api/v1/namespaces/${namespace.name}/pods`
    : `/apis/kubevirt.io/v1/namespaces/${namespace.name}/${kind.toLowerCase()}s`;

/** Stores an object, as a user. */
const store = <T = Stored>(body: { readonly kind: string }, user?: string): Promise<T> =>
  api.request<T>({ method: "POST", path: pathOf(body.kind), body, ...(user === undefined ? {} : { user }) });

/** What is said against storing an object, as a user. */
async function said(body: { readonly kind: string }, user?: string): Promise<string> {
  try {
    await store(body, user);
    return "";
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return error.message;
  }
}
async function change(kind: string, name: string, body: object): Promise<string> {
  try {
    await api.request({ method: "PATCH", path: `${pathOf(kind)}/${name}`, body });
    return "";
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return error.message;
  }
}
const read = <T>(kind: string, name: string): Promise<T> => api.request<T>({ path: `${pathOf(kind)}/${name}` });

const interfacesOf = ({ spec }: { readonly spec: unknown }): unknown => {
  const { template, domain } = spec as { template?: { spec: object }; domain?: { devices: { interfaces: unknown } } };
  return domain === undefined ? interfacesOf(template as { spec: object }) : domain.devices.interfaces;
};

/** The launcher pod of a VMI, as virt-controller makes it. */
function podOf(vmi: LauncherVmi, change: object = {}): { readonly kind: string } {
  const pod = launcherPodOf({ vmi, configuration: CONFIGURATION, nads: [], image: "localhost/none" });
  return { kind: "Pod", ...pod, ...change };
}

test.each(["slirp", "passt", "macvtap"])(
  "%s: {} of a VM is stored as a plugin; kubectl prints why, and applying the file again changes nothing",
  async (key) => {
    const vm = vmOf(`vm-${key}`, { [key]: {} });
    const apply = ["apply", "-n", namespace.name, "--filename=-"];
    const warned = new RegExp(`Warning: spec\\.template\\.spec\\S*\\.${key}: .*netbind convert.*GitOps`);
    await expect(api.kubectl([...apply, "--warnings-as-errors"], vm)).rejects.toThrow(warned);
    const stored = await read<Stored & { spec: object }>("VirtualMachine", `vm-${key}`);
    expect(interfacesOf(stored)).toEqual([{ name: "red", binding: { name: key } }]);
    expect(stored.metadata.annotations).not.toHaveProperty([BINDINGS_ANNOTATION]);
    await api.kubectl(apply, vm);
    await api.kubectl([...apply, "--server-side", "--force-conflicts"], vm);
    const again = await read<Stored & { spec: object }>("VirtualMachine", `vm-${key}`);
    expect([again.metadata.generation, again.spec]).toEqual([stored.metadata.generation, stored.spec]);
  },
);

test("VMIs are translated, delegated and annotated; VMs that need nothing are stored as they are", async () => {
  const vmi = async (name: string, nic: Nic): Promise<unknown[]> => {
    const stored = await store<Stored & { spec: object }>(vmiOf(name, nic));
    return [interfacesOf(stored), stored.metadata.annotations];
  };
  const binding = (name: string): object => ({ name: "red", binding: { name } });
  expect(await vmi("old", { slirp: {} })).toEqual([[binding("slirp")], { [BINDINGS_ANNOTATION]: "slirp" }]);
  expect(await vmi("ours", { binding: { name: "passt" } })).toEqual([
    [binding("passt")],
    { [BINDINGS_ANNOTATION]: "passt" },
  ]);
  expect(await vmi("sriov", { binding: { name: "sriov" } })).toEqual([[{ name: "red", sriov: {} }], undefined]);
  expect(await vmi("core", { masquerade: {} })).toEqual([[{ name: "red", masquerade: {} }], undefined]);
  expect(await vmi("theirs", { binding: { name: "theirs" } })).toEqual([[binding("theirs")], undefined]);
  const vm = await store<Stored & { spec: object }>(vmOf("sriov", { binding: { name: "sriov" } }));
  expect(vm.spec).toEqual(vmOf("sriov", { binding: { name: "sriov" } }).spec);
});

test("an update of a VM is translated, and one of a VMI is not", async () => {
  await store(vmOf("edited", { masquerade: {} }));
  expect(await change("VirtualMachine", "edited", { spec: { template: { spec: specOf({ passt: {} }) } } })).toBe("");
  expect(interfacesOf(await read("VirtualMachine", "edited"))).toEqual([{ name: "red", binding: { name: "passt" } }]);
  await store(vmiOf("edited", { masquerade: {} }));
  expect(await change("VirtualMachineInstance", "edited", { spec: specOf({ passt: {} }) })).toBe("");
  expect(interfacesOf(await read("VirtualMachineInstance", "edited"))).toEqual([{ name: "red", passt: {} }]);
});

interface StoredPod {
  readonly metadata: { readonly annotations: Readonly<Record<string, string>> };
  readonly spec: { readonly containers: readonly { readonly name: string; readonly resources: object }[] };
  readonly status: { readonly qosClass: string };
}
const NEEDED = { requests: { cpu: "50m", memory: "100M" } };
const resourcesOf = ({ spec }: StoredPod): object =>
  Object.fromEntries(spec.containers.map(({ name, resources }) => [name, resources]));

/** A VMI of the plugin whose answers its NIC's name chooses. */
async function pickyVmi(name: string, nic: string): Promise<LauncherVmi> {
  return await store<LauncherVmi>(vmiOf(name, { name: nic, binding: { name: "picky" } }));
}

test("a launcher pod that virt-controller makes gets what its VMI's binding needs; another account's does not", async () => {
  const vmi = await pickyVmi("needing", "needs-memory");
  const pod = await store<StoredPod>(podOf(vmi), virtController);
  expect(resourcesOf(pod)).toMatchObject({ "hook-sidecar-0": NEEDED });
  expect(pod.status.qosClass).toBe("Burstable");
  const other = await store<StoredPod>(podOf(vmi), "bob");
  expect(resourcesOf(other)).toMatchObject({ "hook-sidecar-0": {} });
  expect({ ...pod.spec, containers: [] }).toEqual({ ...other.spec, containers: [] });
  expect(resourcesOf(pod)).toMatchObject({ compute: other.spec.containers[0]?.resources as object });
});

test("a pod's annotation adds nothing, and without it nothing is asked", async () => {
  const plain = await store<LauncherVmi>(vmiOf("plain", { binding: { name: "passt" } }));
  const annotated = (pod: object, annotations: object): { readonly kind: string } => {
    const { metadata } = pod as { metadata: { annotations: object } };
    return { kind: "Pod", ...pod, metadata: { ...metadata, annotations } } as { readonly kind: string };
  };
  const lying = annotated(podOf(plain), { [BINDINGS_ANNOTATION]: "picky" });
  expect(resourcesOf(await store<StoredPod>(lying, virtController))).toMatchObject({ "hook-sidecar-0": {} });
  const needing = await pickyVmi("silent", "needs-memory");
  const bare = await store<StoredPod>(annotated(podOf(needing), {}), virtController);
  expect(resourcesOf(bare)).toMatchObject({ "hook-sidecar-0": {} });
});

const owner = (vmi: LauncherVmi, change: object): object => ({
  ...{ apiVersion: "kubevirt.io/v1", kind: "VirtualMachineInstance", controller: true },
  ...{ name: vmi.metadata.name, uid: vmi.metadata.uid, ...change },
});

test("a pod whose VMI is not the one that it names is refused, and says no other's uid", async () => {
  const vmi = await pickyVmi("named", "needs-memory");
  const { metadata } = podOf(vmi) as unknown as { metadata: object };
  const owned = (change: object): { readonly kind: string } =>
    podOf(vmi, { metadata: { ...metadata, ownerReferences: [owner(vmi, change)] } });
  const refusal = await said(owned({ uid: "00000000-0000-0000-0000-000000000000" }), virtController);
  expect(refusal).toContain('has no VMI \\"named\\" with uid 00000000');
  expect(refusal).not.toContain(vmi.metadata.uid);
  expect(await said(owned({ name: "gone" }), virtController)).toContain('has no VMI \\"gone\\"');
  for (const change of [{ controller: false }, { kind: "VirtualMachine" }, { name: "../pods" }])
    expect(await said(owned(change), virtController)).toContain("no VMI controls the pod");
  expect(await said(owned({}), virtController)).toBe("");
});

test("a binding that needs a capability has its VM refused, and one that fails its pod, with the reason", async () => {
  const capability = await said(vmiOf("capability", { name: "needs-much", binding: { name: "picky" } }));
  expect(capability).toContain("SYS_ADMIN in the launcher, which runs as uid 107");
  const failing = await said(podOf(await pickyVmi("failing", "needs-throws")), virtController);
  expect(failing).toMatch(/503.*what the VM's bindings need is not known.*needs-throws/);
});

test("a device and an annotation that a binding needs are the pod's once they are granted; what is not granted is refused", async () => {
  const nic = { name: "needs-device", binding: { name: "picky" } };
  const refused = await said(vmiOf("ungranted", nic));
  expect(refused).toContain('the resource \\"example.com/fpga\\", which is not granted to it');
  expect(refused).toContain('the annotation \\"example.com/asked\\", which is not granted to it');
  granted["picky"] = { ...STANDARD_GRANTS, ...NEEDED_NAMES };
  const vmi = await store<LauncherVmi>(vmiOf("granted", nic));
  const pod = await store<StoredPod>(podOf(vmi), virtController);
  const devices = { "example.com/fpga": "1" };
  expect(resourcesOf(pod)).toMatchObject({ compute: { requests: devices, limits: devices } });
  expect(pod.metadata.annotations).toMatchObject({ "example.com/asked": "yes" });
  const other = await store<StoredPod>(podOf(vmi), "bob");
  expect(pod.status.qosClass).toBe(other.status.qosClass);
  // The VMI's own value is copied to its pod, and stays.
  const own = await store<LauncherVmi>({
    ...vmiOf("own", nic),
    metadata: { name: "own", annotations: { "example.com/asked": "no" } },
  } as Stored);
  expect((await store<StoredPod>(podOf(own), virtController)).metadata.annotations).toMatchObject({
    "example.com/asked": "no",
  });
  delete granted["picky"];
  // What was granted when the VM was stored may be withdrawn since.
  expect(await said(podOf(vmi), virtController)).toContain("which is not granted to it");
});

test("while the webhooks are away, what they would change is not stored; what they would not is, and VMs can go", async () => {
  const vmi = await pickyVmi("waiting", "needs-memory");
  await store(vmOf("stored", { binding: { name: "passt" } }));
  await webhooks.down();
  const failed = "failed calling webhook";
  for (const key of ["slirp", "passt", "macvtap"]) {
    expect(await said(vmOf(`away-${key}`, { [key]: {} }))).toContain(failed);
    expect(await said(vmiOf(`away-${key}`, { binding: { name: key } }))).toContain(failed);
  }
  expect(await said(podOf(vmi), virtController)).toContain(failed);
  expect(await said(podOf(vmi), "bob")).toBe("");
  await store(vmOf("core", { masquerade: {} }));
  await store(vmiOf("away", { binding: { name: "theirs" } }));
  const vm = (body: object): Promise<string> => change("VirtualMachine", "stored", body);
  expect(await vm({ metadata: { finalizers: ["test.netbind.dev/held"] } })).toBe("");
  expect(await vm({ spec: { runStrategy: "Always" } })).toBe("");
  expect(await vm({ spec: { template: { spec: { hostname: "other" } } } })).toContain(failed);
  await api.request({ method: "DELETE", path: `${pathOf("VirtualMachine")}/stored` });
  expect(await vm({ metadata: { finalizers: [] } })).toBe("");
  await expect(read("VirtualMachine", "stored")).rejects.toThrow("404");
});
