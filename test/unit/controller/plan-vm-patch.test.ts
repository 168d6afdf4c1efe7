/** What is changed of VMs and VMIs before they are stored, as a JSON patch. */
import { type AdmissionRequest, BINDINGS_ANNOTATION, planVmPatch } from "@netbind/controller";
import { convertRemovedBindings } from "@netbind/input";
import { type KubevirtMinor, restartRequired, type Vmi, type VmiSpec } from "@netbind/kubevirt";
import { expect, test } from "vitest";
import { applyJsonPatch } from "../../../core/kubevirt/src/values/json-patch.ts";

type Nic = Readonly<Record<string, unknown>>;
type Kind = "VirtualMachine" | "VirtualMachineInstance";

const specOf = (nics: readonly Nic[]): object => ({
  domain: { devices: { interfaces: nics, rng: {} }, memory: { guest: "64Mi" } },
  networks: nics.map(({ name }) => ({ name, pod: {} })),
});
const objectOf = (kind: Kind, nics: readonly Nic[], metadata: object = {}): Nic =>
  kind === "VirtualMachine"
    ? { metadata: {}, spec: { runStrategy: "Halted", template: { metadata, spec: specOf(nics) } } }
    : { metadata, spec: specOf(nics) };

const requestOf = (kind: string, object: Nic, more: Partial<AdmissionRequest> = {}): AdmissionRequest => ({
  ...{ uid: "u", kind, object, namespace: "default", name: "vm", operation: "CREATE", username: "alice" },
  ...more,
});

const CONTEXT = {
  version: 9 as KubevirtMinor,
  ours: new Set(["passt", "slirp", "macvtap", "masquerade", "sriov", "acme"]),
  delegated: new Set(["sriov"]),
};

/** What is stored of an object, and what is said of it; looking at it again changes nothing. */
function stored(
  request: AdmissionRequest,
  context = CONTEXT,
): { readonly object: unknown; readonly warnings: readonly string[] } {
  const { causes, warnings, patch = [] } = planVmPatch(request, context);
  expect(causes).toEqual([]);
  const patched = applyJsonPatch(request.object, JSON.stringify(patch));
  if ("problem" in patched) throw new Error(patched.problem);
  const again = planVmPatch({ ...request, object: patched.document as Nic }, context);
  expect(again.patch ?? []).toEqual([]);
  expect(again.warnings).toEqual([]);
  return { object: patched.document, warnings };
}

const annotated = (names: string): object => ({ annotations: { [BINDINGS_ANNOTATION]: names } });

test.each(["slirp", "passt", "macvtap"])("%s: {} of a VM becomes the plugin, and nothing else is changed", (key) => {
  const [other, nic] = [
    { name: "blue", masquerade: {}, model: "e1000" },
    { name: "red", [key]: {}, ports: [{ port: 80 }] },
  ];
  const { object, warnings } = stored(requestOf("VirtualMachine", objectOf("VirtualMachine", [other, nic])));
  const plugin = { name: "red", ports: [{ port: 80 }], binding: { name: key } };
  expect(object).toEqual(objectOf("VirtualMachine", [other, plugin]));
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toMatch(
    new RegExp(`^spec\\.template\\.spec\\.domain\\.devices\\.interfaces\\[1\\]\\.${key}: .*netbind convert.*GitOps`),
  );
  // An API server cuts what is longer.
  expect(warnings[0]?.length).toBeLessThan(256);
});

test.each<readonly [string, Nic, Nic, string]>([
  ["a removed core binding", { passt: {} }, { binding: { name: "passt" } }, "passt"],
  ["a plugin of ours", { binding: { name: "acme" } }, { binding: { name: "acme" } }, "acme"],
])("%s of a new VMI: it is annotated", (_, nic, becomes, names) => {
  const object = objectOf("VirtualMachineInstance", [{ name: "red", ...nic }]);
  const desired = objectOf("VirtualMachineInstance", [{ name: "red", ...becomes }], annotated(names));
  expect(stored(requestOf("VirtualMachineInstance", object)).object).toEqual(desired);
});

test("annotations of a VMI's author stay, but for ours, whose text is the VMI's bindings", () => {
  const nics = [
    { name: "a", binding: { name: "passt" } },
    { name: "b", binding: { name: "acme" } },
    { name: "c", binding: { name: "theirs" } },
  ];
  const given = { annotations: { "example.com/a": "b", [BINDINGS_ANNOTATION]: "lies" } };
  const { object } = stored(requestOf("VirtualMachineInstance", objectOf("VirtualMachineInstance", nics, given)));
  expect(object).toMatchObject({
    metadata: { annotations: { "example.com/a": "b", [BINDINGS_ANNOTATION]: "acme,passt" } },
  });
});

test("sriov is delegated to KubeVirt's own key in new VMIs, and left as it is in VMs", () => {
  const nics = [{ name: "red", binding: { name: "sriov" }, macAddress: "02:00:00:00:00:01" }];
  const own = [{ name: "red", sriov: {}, macAddress: "02:00:00:00:00:01" }];
  const vmi = stored(requestOf("VirtualMachineInstance", objectOf("VirtualMachineInstance", nics)));
  expect(vmi).toEqual({ object: objectOf("VirtualMachineInstance", own), warnings: [] });
  const vm = objectOf("VirtualMachine", nics);
  expect(stored(requestOf("VirtualMachine", vm)).object).toEqual(vm);
  // Somebody has registered a plugin of that name.
  const registered = stored(requestOf("VirtualMachineInstance", objectOf("VirtualMachineInstance", nics)), {
    ...CONTEXT,
    delegated: new Set<string>(),
  });
  expect(registered.object).toEqual(objectOf("VirtualMachineInstance", nics, annotated("sriov")));
});

test("KubeVirt sees a VM and its delegated VMI as different, so that a change to its NICs needs a restart", () => {
  const of = (nic: Nic): { readonly spec: VmiSpec } => ({ spec: specOf([{ name: "red", ...nic }]) as VmiSpec });
  const vm = { spec: { template: of({ binding: { name: "sriov" } }) } };
  expect(restartRequired(vm, of({ sriov: {} }) as Vmi)).toBe(true);
  expect(restartRequired(vm, of({ binding: { name: "sriov" } }) as Vmi)).toBe(false);
});

const UNTOUCHED: Readonly<Record<string, Nic>> = {
  "one of KubeVirt's own": { masquerade: {} },
  "another product's": { binding: { name: "theirs" } },
  "a removed one beside another": { passt: {}, bridge: {} },
  "two removed ones": { passt: {}, slirp: {} },
  "sriov beside another": { bridge: {}, binding: { name: "sriov" } },
};
test.each(Object.entries(UNTOUCHED))("%s is left as it is", (_, nic) => {
  for (const kind of ["VirtualMachine", "VirtualMachineInstance"] as const) {
    const object = objectOf(kind, [{ name: "red", ...nic }]);
    const { patch = [], warnings } = planVmPatch(requestOf(kind, object), { ...CONTEXT, ours: new Set() });
    expect({ patch, warnings }).toEqual({ patch: [], warnings: [] });
  }
});

test("until 1.2 KubeVirt has the core bindings itself", () => {
  const object = objectOf("VirtualMachine", [{ name: "red", slirp: {} }]);
  const request = requestOf("VirtualMachine", object);
  expect(stored(request, { ...CONTEXT, version: 2 })).toEqual({ object, warnings: [] });
  expect(stored(request, { ...CONTEXT, version: 3 }).object).not.toEqual(object);
});

test("an update of a VM is translated where its template is another one; a VMI's never", () => {
  const nics = [{ name: "red", passt: {} }];
  const object = objectOf("VirtualMachine", nics);
  const update = (oldObject: Nic): AdmissionRequest =>
    requestOf("VirtualMachine", object, { operation: "UPDATE", oldObject });
  expect(stored(update(objectOf("VirtualMachine", []))).warnings).toHaveLength(1);
  expect(stored(update(object))).toEqual({ object, warnings: [] });
  const vmi = objectOf("VirtualMachineInstance", nics);
  const oldObject = objectOf("VirtualMachineInstance", []);
  expect(stored(requestOf("VirtualMachineInstance", vmi, { operation: "UPDATE", oldObject })).object).toEqual(vmi);
});

test.each<readonly [string, Nic]>([
  ["VirtualMachine", {}],
  ["VirtualMachine", { spec: 1 }],
  ["VirtualMachineInstance", { spec: { domain: { devices: { interfaces: [1] } } } }],
  ["VirtualMachineInstance", { spec: { domain: [] } }],
  ["VirtualMachinePool", objectOf("VirtualMachine", [{ name: "red", passt: {} }])],
  ["ConfigMap", objectOf("VirtualMachineInstance", [{ name: "red", passt: {} }])],
])("%s %j is left to the API server", (kind, object) => {
  expect(stored(requestOf(kind, object))).toEqual({ object, warnings: [] });
});

test("it makes of a VM what netbind convert makes of its file, also where that leaves it as it is", () => {
  const methods = ["slirp", "passt", "macvtap", "bridge", "masquerade", "sriov", "passtBinding"];
  const pairs = methods.flatMap((one) => methods.map((other) => ({ name: "red", [one]: {}, [other]: {} })));
  for (const nic of [...pairs, { name: "red" }, { name: "red", passt: {}, binding: { name: "acme" } }]) {
    const object = { apiVersion: "kubevirt.io/v1", kind: "VirtualMachine", ...objectOf("VirtualMachine", [nic]) };
    const { text } = convertRemovedBindings("vm.json", JSON.stringify(object));
    expect(stored(requestOf("VirtualMachine", object)).object).toEqual(JSON.parse(text));
  }
});
