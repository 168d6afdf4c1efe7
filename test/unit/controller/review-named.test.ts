/** What VMs name in the cluster: definitions of networks, preferences and instancetypes, and bindings that are asked. */
import { BindingError, defineBinding } from "@netbind/contract";
import { type Looked, type NamedPlace, readReview, type ReviewContext, reviewVm } from "@netbind/controller";
import { STANDARD_GRANTS } from "@netbind/engine";
import { expect, test } from "vitest";

const PATH = "spec.networks[0].multus.networkName";

const nad = (config: string, annotations: object = {}): object => ({
  metadata: { name: "lan", namespace: "default", annotations },
  spec: { config },
});

/** A VM on a network that a definition makes. */
const specOf = (binding: string, networkName = "lan"): object => ({
  domain: { devices: { interfaces: [{ name: "red", binding: { name: binding } }] } },
  networks: [{ name: "red", multus: { networkName } }],
});

interface Scene extends Partial<ReviewContext> {
  /** What a cluster has, as "plural/namespace/name". */
  readonly cluster?: Readonly<Record<string, object | "unknown">>;
}

/** Reviews a VM in a cluster; what was looked for is listed. */
async function reviewIn(
  { cluster = {}, ...more }: Scene,
  object: object,
  kind = "VirtualMachineInstance",
): Promise<{ refused: readonly string[]; warnings: readonly string[]; looked: readonly string[] }> {
  const looked: string[] = [];
  const find = async ({ resource, namespace = "", name }: NamedPlace): Promise<Looked> => {
    const key = `${resource.plural}/${namespace}/${name}`;
    looked.push(key);
    const found = cluster[key] ?? "missing";
    return typeof found === "string" ? (found as "missing" | "unknown") : { object: found as never };
  };
  const configuration = { network: { binding: { bridge: { sidecarImage: "i", domainAttachmentType: "tap" } } } };
  const context: ReviewContext = {
    ...{ configuration, version: 9, isNewer: false, ours: new Set(["bridge", "theirs"]), awaited: new Set(["theirs"]) },
    ...{ delegated: new Set(), described: new Map(), lookups: { find }, grants: () => STANDARD_GRANTS },
    ...more,
  };
  const request = { uid: "u", operation: "CREATE", kind: { kind }, namespace: "default", name: "vm", object };
  const read = readReview({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request });
  if (read === undefined) throw new Error("it is not read");
  const { causes, warnings } = await reviewVm(read, context);
  return { refused: causes.map(({ field, message }) => `${field}: ${message}`), warnings, looked };
}

const DEFINITION = "network-attachment-definitions/default/lan";
const SOUND = nad('{"cniVersion": "1.0.0", "type": "bridge", "bridge": "br0", "ipam": {"type": "static"}}');

test("a definition that exists and is sound says nothing, and is looked for once", async () => {
  const { refused, looked } = await reviewIn(
    { cluster: { [DEFINITION]: SOUND } },
    { metadata: {}, spec: specOf("bridge") },
  );
  expect([refused, looked]).toEqual([[], [DEFINITION]]);
});

const REFUSED: Readonly<Record<string, readonly [object | undefined, string]>> = {
  "does not exist": [undefined, "[NAD-1] NetworkAttachmentDefinition default/lan does not exist"],
  "is not JSON": [nad("{"), "[NAD-3] spec.config of NetworkAttachmentDefinition default/lan: "],
  "has no type": [nad('{"cniVersion": "1.0.0"}'), "[NAD-3] spec.config of NetworkAttachmentDefinition default/lan: "],
};

test.each(Object.entries(REFUSED))(
  "a definition that %s: our VM is refused at its network, another is warned of",
  async (_, [found, said]) => {
    const cluster = found === undefined ? {} : { [DEFINITION]: found };
    const { refused } = await reviewIn({ cluster }, { metadata: {}, spec: specOf("bridge") });
    expect(refused).toHaveLength(1);
    expect(refused[0]).toContain(`${PATH}: ${said}`);
    const theirs = await reviewIn({ cluster, ours: new Set() }, { metadata: {}, spec: specOf("bridge") });
    expect(theirs.refused).toEqual([]);
    expect(theirs.warnings.join("\n")).toContain(said.slice(0, 7));
  },
);

test("what a definition's CNI plugin cannot do is said as validate says it", async () => {
  const cluster = { [DEFINITION]: nad('{"cniVersion": "1.0.0", "type": "ipvlan", "master": "eth0"}') };
  const { refused } = await reviewIn({ cluster }, { metadata: {}, spec: specOf("bridge") });
  expect(refused.join("\n")).toContain("does not work on a network of the CNI plugin ipvlan");
});

test("a definition that cannot be read gives no refusal and no warning, beside one that is missing", async () => {
  const spec = {
    domain: { devices: { interfaces: ["red", "blue"].map((name) => ({ name, binding: { name: "bridge" } })) } },
    networks: [
      { name: "red", multus: { networkName: "lan" } },
      { name: "blue", multus: { networkName: "other/wan" } },
    ],
  };
  const { refused, warnings } = await reviewIn({ cluster: { [DEFINITION]: "unknown" } }, { metadata: {}, spec });
  expect(refused).toEqual([
    expect.stringContaining(
      "spec.networks[1].multus.networkName: [NAD-1] NetworkAttachmentDefinition other/wan does not",
    ),
  ]);
  expect(warnings.join("\n")).not.toContain("NAD-");
});

/** A VM with a NIC that names no binding, which a preference may give it. */
const vmWith = (preference: object, of: object = {}): object => ({
  metadata: {},
  spec: {
    ...{ preference, ...of },
    template: {
      metadata: {},
      spec: { domain: { devices: { interfaces: [{ name: "red" }] } }, networks: [{ name: "red", pod: {} }] },
    },
  },
});

test("a preference gives a NIC its binding; one that nobody has seen may, and nothing is said of that", async () => {
  const none = await reviewIn({}, vmWith({ name: "linux" }, { preference: undefined }), "VirtualMachine");
  expect(none.warnings.join("\n")).toContain("[BIND-1] spec.template.spec.domain.devices.interfaces[0]");
  const spec = { devices: { preferredInterfaceMasquerade: {}, preferredInterfaceModel: "nonsense" } };
  const key = "virtualmachineclusterpreferences//linux";
  const cluster = { [key]: { metadata: { name: "linux" }, spec } };
  const given = await reviewIn({ cluster }, vmWith({ name: "linux" }), "VirtualMachine");
  expect([given.looked, given.warnings.join("\n")]).toEqual([[key], expect.not.stringContaining("BIND-1")]);
  // What it gives is reviewed as well.
  expect(given.warnings.join("\n")).toContain("nonsense");
  for (const found of [{}, { [key]: "unknown" } as const, { [key]: { metadata: { name: "linux" }, spec: 7 } }]) {
    const { warnings } = await reviewIn({ cluster: found }, vmWith({ name: "linux" }), "VirtualMachine");
    expect(warnings.join("\n")).not.toContain("BIND-1");
  }
  const own = await reviewIn({}, vmWith({ name: "linux", kind: "VirtualMachinePreference" }), "VirtualMachine");
  expect(own.looked).toEqual(["virtualmachinepreferences/default/linux"]);
  const volume = await reviewIn({}, vmWith({ inferFromVolume: "disk" }), "VirtualMachine");
  expect([volume.looked, volume.warnings.join("\n")]).toEqual([[], expect.not.stringContaining("BIND-1")]);
});

test("an instancetype is looked for too, in the pool's VM as in a VM", async () => {
  const of = { instancetype: { name: "small", kind: "virtualmachineinstancetype" } };
  const { looked } = await reviewIn({}, vmWith({ name: "linux" }, of), "VirtualMachine");
  const both = ["virtualmachineclusterpreferences//linux", "virtualmachineinstancetypes/default/small"];
  expect([...looked].sort()).toEqual(both);
  const pool = { metadata: {}, spec: { virtualMachineTemplate: vmWith({ name: "linux" }, of) } };
  expect([...(await reviewIn({}, pool, "VirtualMachinePool")).looked].sort()).toEqual(both);
});

const THEIRS = { domain: { devices: { interfaces: [{ name: "red", binding: { name: "theirs" } }] } } };
const POD = { metadata: {}, spec: { ...THEIRS, networks: [{ name: "red", pod: {} }] } };
const plugin = (more: object): ReturnType<typeof defineBinding> =>
  defineBinding({
    name: "theirs",
    contract: "v1alpha1",
    migration: "none",
    plan: () => ({ domain: { kind: "tap" } }),
    ...more,
  } as never);

test("a binding that is asked refuses its VM, at the interface, as the node agent would", async () => {
  const admit = (): readonly object[] => [{ field: "model", problem: "virtio only", fix: "use virtio" }];
  const find = (name: string) => (name === "theirs" ? plugin({ admit }) : undefined);
  const { refused } = await reviewIn({ planners: find }, POD);
  expect(refused).toEqual(["spec.domain.devices.interfaces[0].model: [ADMIT] virtio only; use virtio"]);
  const others = await reviewIn({ planners: find, ours: new Set() }, POD);
  expect([others.refused, others.warnings.join("\n")]).toEqual([[], expect.stringContaining("[ADMIT] ")]);
});

test("a capability that a binding needs refuses its VM: no pod could give it", async () => {
  const needs = (): object => ({ compute: { capabilities: ["NET_BIND_SERVICE", "NET_RAW"] } });
  const { refused } = await reviewIn({ planners: () => plugin({ needs }) }, POD);
  expect(refused).toEqual([
    expect.stringMatching(/interfaces\[0\]: \[ADMIT\] binding "theirs" needs the capability NET_RAW .* uid 107/),
  ]);
});

const FAILING: Readonly<Record<string, object>> = {
  "cannot say what it admits": {
    admit: () => {
      throw new BindingError("UNAVAILABLE", "it is away", "start it");
    },
  },
  "cannot say what it needs": {
    needs: () => {
      throw new Error("it is away");
    },
  },
};

test.each(Object.entries(FAILING))("a binding that %s costs a warning, and refuses nothing", async (_, hooks) => {
  const { refused, warnings } = await reviewIn({ planners: () => plugin(hooks) }, POD);
  expect(refused).toEqual([]);
  expect(warnings.at(-1)).toMatch(/^binding "theirs" was not asked: .*it is away/);
});
