/** Devices of a domain that are not interfaces, and what a guest gets of those that its author tagged. */
import { printElement } from "@netbind/domain";
import { sriovDevices, taggedDevices, type Vmi, type VmiInterface, type VmiStatusInterface } from "@netbind/kubevirt";
import { expect, test } from "vitest";

const aVmi = (interfaces: readonly VmiInterface[], status: readonly VmiStatusInterface[] = []): Vmi => ({
  apiVersion: "kubevirt.io/v1",
  kind: "VirtualMachineInstance",
  metadata: { name: "vm", namespace: "ns" },
  spec: {
    domain: { devices: { interfaces } },
    networks: interfaces.map(({ name }) => ({ name, multus: { networkName: name } })),
  },
  status: { interfaces: status },
});
const vf = (name: string, change: Partial<VmiInterface> = {}): VmiInterface => ({ name, sriov: {}, ...change });
const inPod = (name: string): VmiStatusInterface => ({ name, infoSource: "multus-status" });
const info = (...pairs: readonly (readonly [string, string])[]): string =>
  JSON.stringify({
    interfaces: pairs.map(([network, address]) => ({
      network,
      deviceInfo: { type: "pci", pci: { "pci-address": address } },
    })),
  });

test("an SR-IOV NIC is the PCI device that the pod tells of, once it is in the pod", () => {
  const vmi = aVmi(
    [vf("a", { bootOrder: 1, pciAddress: "0000:81:01.0", acpiIndex: 3 }), vf("b"), { name: "c", bridge: {} }],
    [inPod("a"), inPod("c")],
  );
  const [device, ...others] = sriovDevices(vmi, info(["a", "0000:65:00.2"], ["b", "0000:65:00.3"]));
  expect(others).toEqual([]);
  expect(device && printElement(device, "", "").replace(/>\s+</g, "><")).toBe(
    "<hostdev type='pci' managed='no'><source><address type='pci' domain='0x0000' bus='0x65' slot='0x00' function='0x2'/></source>" +
      "<boot order='1'/><alias name='ua-sriov-a'/><address type='pci' domain='0x0000' bus='0x81' slot='0x01' function='0x0'/></hostdev>",
  );
  expect(sriovDevices(aVmi([vf("a")]), "")).toEqual([]);
});

test("a device that the pod does not tell of is an error that says what to see to", () => {
  const vmi = aVmi([vf("a"), vf("b")], [inPod("a"), inPod("b")]);
  for (const text of ["", "{", "{}", "[]", "null", info(["a", "65:00.2"])])
    expect(() => sriovDevices(vmi, text), text).toThrow(
      expect.objectContaining({ code: "PLAN_IMPOSSIBLE", message: expect.stringContaining("no PCI device") }) as Error,
    );
  expect(() => sriovDevices(vmi, info(["a", "0000:65:00.2"]))).toThrow('network "b"');
});

test("a guest is told of the NICs that its author tagged, by their own addresses", () => {
  const address = "<address type='pci' domain='0x0000' bus='0x02' slot='0x00' function='0x0'/>";
  const xml = `<domain><devices>
    <interface type='ethernet'><mac address='02:00:00:00:00:0a'/><alias name='ua-a'/>${address}</interface>
    <interface type='ethernet'><alias name='ua-untagged'/>${address}</interface>
    <interface type='ethernet'><alias name='ua-d'/></interface>
    <hostdev type='pci'><alias name='ua-sriov-b'/>${address.replace("0x02", "0x03")}</hostdev>
    <disk><alias name='ua-a'/>${address}</disk>
  </devices></domain>`;
  const vmi = aVmi([
    { name: "a", bridge: {}, tag: "data" },
    { name: "untagged", bridge: {} },
    { name: "d", bridge: {}, tag: "x" },
    vf("b", { tag: "fast" }),
  ]);
  expect(taggedDevices(vmi, xml)).toEqual([
    { type: "nic", bus: "pci", address: "0000:02:00.0", mac: "02:00:00:00:00:0a", tags: ["data"] },
    { type: "nic", bus: "pci", address: "0000:03:00.0", tags: ["fast"] },
  ]);
});
