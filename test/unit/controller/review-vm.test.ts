/** What is said of VMs that are to be stored: a refusal, warnings, or nothing. */
import { answerReview, readReview, type ReviewContext, reviewVm } from "@netbind/controller";
import { RULES } from "@netbind/kubevirt/admission";
import { STANDARD_GRANTS } from "@netbind/engine";
import { expect, test } from "vitest";

const SPEC = {
  domain: { devices: { interfaces: [{ name: "red", binding: { name: "passt" } }] } },
  networks: [{ name: "red", pod: {} }],
};
const WITHOUT = {
  domain: { devices: { interfaces: [{ name: "red", masquerade: {} }] } },
  networks: [{ name: "red", pod: {} }],
};
const WRONG = {
  ...WITHOUT,
  domain: { devices: { interfaces: [{ name: "red", masquerade: {}, macAddress: "nonsense" }] } },
};
const THEIRS = { ...SPEC, domain: { devices: { interfaces: [{ name: "red", binding: { name: "theirs" } }] } } };

const context = (more: Partial<ReviewContext> = {}): ReviewContext => ({
  configuration: { network: { binding: {} } },
  ...{ version: 9, isNewer: false, ours: new Set(["passt", "slirp"]), awaited: new Set(), described: new Map() },
  delegated: new Set(),
  grants: () => STANDARD_GRANTS,
  ...more,
});

const KINDS = {
  VirtualMachineInstance: (spec: object) => ({ metadata: {}, spec }),
  VirtualMachine: (spec: object) => ({ metadata: {}, spec: { template: { metadata: {}, spec } } }),
  VirtualMachineInstanceReplicaSet: (spec: object) => ({ metadata: {}, spec: { template: { metadata: {}, spec } } }),
  VirtualMachinePool: (spec: object) => ({
    metadata: {},
    spec: { virtualMachineTemplate: { spec: { template: { metadata: {}, spec } } } },
  }),
} as const;
const PREFIX = {
  VirtualMachineInstance: "",
  VirtualMachine: "spec.template.",
  VirtualMachineInstanceReplicaSet: "spec.template.",
  VirtualMachinePool: "spec.virtualMachineTemplate.spec.template.",
} as const;

const review = (
  object: object,
  kind = "VirtualMachineInstance",
  more: object = {},
): NonNullable<ReturnType<typeof readReview>> => {
  const request = { uid: "u", operation: "CREATE", kind: { kind }, namespace: "default", name: "vm", object, ...more };
  const read = readReview({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request });
  if (read === undefined) throw new Error("it is not read");
  return read;
};

test.each(Object.keys(KINDS) as (keyof typeof KINDS)[])(
  "%s: an unregistered binding of ours is refused",
  async (kind) => {
    const { causes } = await reviewVm(review(KINDS[kind](SPEC), kind), context());
    expect(causes).toHaveLength(1);
    expect(causes[0]?.field).toBe(`${PREFIX[kind]}spec.domain.devices.interfaces[0].binding.name`);
    expect(causes[0]?.message).toMatch(/^\[REG-1\] no binding plugin "passt" is registered/);
  },
);

const WARNED: Readonly<Record<string, readonly [object, Partial<ReviewContext>, string]>> = {
  "an unregistered binding that is about to be registered": [SPEC, { awaited: new Set(["passt"]) }, "[REG-1]"],
  "an unregistered binding of another product": [THEIRS, {}, "[REG-1]"],
  "an unregistered binding on a newer KubeVirt": [SPEC, { isNewer: true }, "[REG-1]"],
  "what KubeVirt refuses itself": [WRONG, {}, "macAddress"],
};

test.each(Object.entries(WARNED))("%s is a warning", async (_, [spec, more, said]) => {
  const { causes, warnings } = await reviewVm(review(KINDS.VirtualMachineInstance(spec)), context(more));
  expect(causes).toEqual([]);
  expect(warnings.join("\n")).toContain(said);
});

test("a VM without a finding, and an object that has no spec of VMs, are let through without a word", async () => {
  const registered = { network: { binding: { passt: { sidecarImage: "passt" } } } };
  expect(await reviewVm(review(KINDS.VirtualMachineInstance(SPEC)), context({ configuration: registered }))).toEqual({
    causes: [],
    warnings: [],
  });
  for (const object of [{}, { spec: 1 }, { spec: { template: [] } }])
    expect(await reviewVm(review(object, "VirtualMachine"), context())).toEqual({ causes: [], warnings: [] });
  expect(await reviewVm(review({ spec: SPEC }, "ConfigMap"), context())).toEqual({ causes: [], warnings: [] });
});

test("an update that leaves the spec as it is passes, so that finalizers do; one that changes it does not", async () => {
  const of = (oldSpec: object): object => ({ operation: "UPDATE", oldObject: KINDS.VirtualMachine(oldSpec) });
  const object = KINDS.VirtualMachine(SPEC);
  expect(await reviewVm(review(object, "VirtualMachine", of(SPEC)), context())).toEqual({ causes: [], warnings: [] });
  expect((await reviewVm(review(object, "VirtualMachine", of(WITHOUT)), context())).causes).toHaveLength(1);
});

test("what KubeVirt has a key for is judged as that key, and is ours", async () => {
  const sriov = (network: object): object =>
    KINDS.VirtualMachine({
      domain: { devices: { interfaces: [{ name: "red", binding: { name: "sriov" } }] } },
      networks: [{ name: "red", ...network }],
    });
  const known = context({ ours: new Set(["sriov"]), delegated: new Set(["sriov"]) });
  const good = await reviewVm(review(sriov({ multus: { networkName: "lan" } }), "VirtualMachine"), known);
  expect(good.causes).toEqual([]);
  expect(good.warnings.join()).not.toContain("REG-1");
  const registered = await reviewVm(review(sriov({ multus: { networkName: "lan" } }), "VirtualMachine"), {
    ...known,
    delegated: new Set(),
  });
  expect(registered.causes[0]?.message).toContain("[REG-1]");
});

test("a spec of another shape is a warning, whatever it is: the API server holds it to its schema", async () => {
  for (const spec of [{}, { domain: 1 }, { domain: { devices: { interfaces: [1] } } }, { ...SPEC, networks: "pod" }]) {
    const { causes, warnings } = await reviewVm(review({ spec }), context());
    expect(causes).toEqual([]);
    expect(warnings).not.toEqual([]);
  }
});

test("every kind of consequence is one that is decided about", () => {
  const known = ["rejected", "neverStarts", "pending", "ignored"];
  expect([...new Set(RULES.map(({ consequence }) => consequence))].sort()).toEqual([...known].sort());
});

test("an answer names all causes, and few warnings that are short", () => {
  const causes = [{ field: "spec.a", message: "no", reason: "FieldValueInvalid" }];
  const warnings = Array.from({ length: 40 }, (_, at) => `${at} ${"w".repeat(400)}`);
  const { response } = answerReview("u", { causes, warnings }) as {
    response: { uid: string; allowed: boolean; status: { message: string }; warnings: readonly string[] };
  };
  expect(response).toMatchObject({ uid: "u", allowed: false, status: { code: 422, message: "spec.a: no" } });
  expect(response.warnings).toHaveLength(14);
  expect(response.warnings.every((warning) => warning.length <= 256)).toBe(true);
  expect(response.warnings.at(-1)).toBe("27 more: run netbind validate");
});

test.each([
  undefined,
  "text",
  {},
  { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview" },
  { apiVersion: "admission.k8s.io/v1beta1", kind: "AdmissionReview", request: {} },
  {
    ...{ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview" },
    request: { uid: "u", operation: "DELETE", kind: { kind: "VirtualMachine" }, object: {} },
  },
])("%j is not a review", (value) => expect(readReview(value)).toBeUndefined());
