import { admitVmi, validateClone, validateMigration, validateVmi } from "@netbind/kubevirt/admission";
import type { ResourceClaim, Vmi, VmiInterface, VmiNetwork } from "@netbind/kubevirt";
import { expect, test } from "vitest";

const GATE = { developerConfiguration: { featureGates: ["NetworkDevicesWithDRA"] } };
const claim = (name: string, claimName?: string, requestName?: string): VmiNetwork =>
  ({
    name,
    resourceClaim: {
      ...(claimName === undefined ? {} : { claimName }),
      ...(requestName === undefined ? {} : { requestName }),
    },
  }) as VmiNetwork;

const fieldsOf = (
  networks: readonly VmiNetwork[],
  interfaces: readonly VmiInterface[],
  configuration: object = GATE,
): readonly string[] => {
  const metadata = { name: "vm", namespace: "default", labels: {}, annotations: {} };
  const spec = {
    domain: { devices: { interfaces } },
    networks,
    resourceClaims: [{ name: "c", resourceClaimName: "devices" }],
  };
  return admitVmi({ apiVersion: "kubevirt.io/v1", kind: "VirtualMachineInstance", metadata, spec } as unknown as Vmi, {
    configuration,
  }).map(({ field }) => field);
};
const sriov = (name: string): VmiInterface => ({ name, sriov: {} });

test("a network by resource claim takes its gate, a claim of the VM, and a device of its own", () => {
  expect(fieldsOf([claim("a", "c", "r")], [sriov("a")])).toEqual([]);
  expect(fieldsOf([claim("a", "c", "r")], [sriov("a")], {})).toEqual(["spec.networks"]);
  expect(fieldsOf([claim("a", "x", "r")], [sriov("a")])).toEqual(["spec.networks[0].resourceClaim.claimName"]);
  expect(fieldsOf([claim("a")], [sriov("a")])).toEqual([
    "spec.networks[0].resourceClaim.claimName",
    "spec.networks[0].resourceClaim.requestName",
  ]);
  expect(fieldsOf([claim("a", "c", "r"), claim("b", "c", "r")], [sriov("a"), sriov("b")])).toEqual([
    "spec.networks[1]",
  ]);
});

test("it goes with SR-IOV or a plugin, and not beside multus", () => {
  expect(fieldsOf([claim("a", "c", "r")], [{ name: "a", bridge: {} }])).toEqual(["spec.domain.devices.interfaces[0]"]);
  expect(
    fieldsOf([claim("a", "c", "r"), { name: "b", multus: { networkName: "n" } }], [sriov("a"), sriov("b")]),
  ).toEqual(["spec.networks"]);
});

test("passt of KubeVirt's own serves the pod network only", () => {
  const network: VmiNetwork = { name: "a", multus: { networkName: "n" } };
  expect(fieldsOf([network], [{ name: "a", passtBinding: {} }])).toEqual(["spec.domain.devices.interfaces[0].name"]);
});

const vmiOf = (spec: object, rest: object = {}): Vmi =>
  ({
    apiVersion: "kubevirt.io/v1",
    kind: "VirtualMachineInstance",
    metadata: { name: "vm", namespace: "default" },
    spec: { domain: { devices: {} }, ...spec },
    ...rest,
  }) as Vmi;

test("claims of a VM have a name of their own and one source, whether or not a network uses them", () => {
  const reported = (...resourceClaims: readonly ResourceClaim[]): readonly string[] =>
    validateVmi(vmiOf({ resourceClaims }), { configuration: {} }).map(({ field, reason }) => `${field} ${reason}`);
  const good = { name: "a", resourceClaimName: "x.y" };
  const at = "spec.resourceClaims";
  expect(reported(good, { name: "b", resourceClaimTemplateName: "x" })).toEqual([]);
  expect(reported({ resourceClaimName: "x" })).toEqual([`${at}[0].name FieldValueRequired`]);
  expect(reported({ ...good, name: "A.b" })).toEqual([`${at}[0].name FieldValueInvalid`]);
  expect(reported(good, good)).toEqual([`${at}[1].name FieldValueDuplicate`]);
  expect(reported({ name: "a" }, { ...good, name: "b", resourceClaimTemplateName: "x" })).toEqual([
    `${at}[0] FieldValueInvalid`,
    `${at}[1] FieldValueInvalid`,
  ]);
  const nulls = { name: "a", resourceClaimName: null, resourceClaimTemplateName: "x" } as unknown as ResourceClaim;
  expect(reported(nulls)).toEqual([]);
  expect(reported({ name: "a", resourceClaimTemplateName: "X" })).toEqual([
    `${at}[0].resourceClaimTemplateName FieldValueInvalid`,
  ]);
  expect(validateVmi(vmiOf({ resourceClaims: [{}] }), { configuration: {}, version: 8 })).toEqual([]);
});

test("a clone's MAC addresses have six bytes; one that is empty is drawn", () => {
  const newMacAddresses = { a: "02:00:00:00:00:01", b: "", c: "02:00", d: "02:00:00:00:00:00:00:01" };
  expect(validateClone({ spec: { newMacAddresses } }).map(({ field, rule }) => `${rule.id} ${field}`)).toEqual([
    "CLONE-1 spec.newMacAddresses.c",
    "CLONE-1 spec.newMacAddresses.d",
  ]);
  expect(validateClone({ spec: {} })).toEqual([]);
});

test("a migration is refused by its VM's condition, and before there is one by its networks", () => {
  const bridge = {
    domain: { devices: { interfaces: [{ name: "a", bridge: {} }] } },
    networks: [{ name: "a", pod: {} }],
  };
  const reported = (spec: object, status?: string): readonly string[] =>
    validateMigration(
      vmiOf(
        spec,
        status === undefined
          ? {}
          : { status: { conditions: [{ type: "LiveMigratable", status, reason: "R", message: "m" }] } },
      ),
      {},
    ).map(({ field, problem }) => `${field}: ${problem}`);
  expect(reported({})).toEqual([]);
  expect(reported(bridge)).toEqual([
    expect.stringContaining('spec.vmiName: VM "vm" cannot be migrated: interface "a"'),
  ]);
  expect(reported(bridge, "True")).toEqual([]);
  expect(reported({}, "False")).toEqual(['spec.vmiName: VM "vm" cannot be migrated: R: m']);
});
