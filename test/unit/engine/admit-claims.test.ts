import { admitVmi, type Vmi, type VmiInterface, type VmiNetwork } from "@netbind/engine";
import { expect, test } from "vitest";

const GATE = { developerConfiguration: { featureGates: ["NetworkDevicesWithDRA"] } };
const claim = (name: string, claimName?: string, requestName?: string): VmiNetwork =>
  ({
    name,
    resourceClaim: { ...(claimName === undefined ? {} : { claimName }), ...(requestName === undefined ? {} : { requestName }) },
  }) as VmiNetwork;

const fieldsOf = (
  networks: readonly VmiNetwork[],
  interfaces: readonly VmiInterface[],
  configuration: object = GATE,
): readonly string[] => {
  const metadata = { name: "vm", namespace: "default", labels: {}, annotations: {} };
  const spec = { domain: { devices: { interfaces } }, networks, resourceClaims: [{ name: "c" }] };
  return admitVmi({ apiVersion: "kubevirt.io/v1", kind: "VirtualMachineInstance", metadata, spec } as unknown as Vmi, configuration).map(
    ({ field }) => field,
  );
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
  expect(fieldsOf([claim("a", "c", "r"), claim("b", "c", "r")], [sriov("a"), sriov("b")])).toEqual(["spec.networks[1]"]);
});

test("it goes with SR-IOV or a plugin, and not beside multus", () => {
  expect(fieldsOf([claim("a", "c", "r")], [{ name: "a", bridge: {} }])).toEqual(["spec.domain.devices.interfaces[0]"]);
  expect(fieldsOf([claim("a", "c", "r"), { name: "b", multus: { networkName: "n" } }], [sriov("a"), sriov("b")])).toEqual([
    "spec.networks",
  ]);
});

test("passt of KubeVirt's own serves the pod network only", () => {
  const network: VmiNetwork = { name: "a", multus: { networkName: "n" } };
  expect(fieldsOf([network], [{ name: "a", passtBinding: {} }])).toEqual(["spec.domain.devices.interfaces[0].name"]);
});
