/** The sriov binding: which device a guest gets, from what a pod's containers are told, and never one that is not the pod's. */
import { releasedGrants } from "@netbind/bindings";
import { allocatedDevices, deviceInfoVariable, deviceVariable, mergeDeviceVariables, networkInfoText } from "@netbind/kubevirt/pod";
import { findPlanProblems, grantsOf } from "@netbind/engine";
import { nicDomain, patchDomain } from "@netbind/domain";
import sriov from "@netbind/plugin-sriov";
import { describe, expect, test } from "vitest";
import { deviceInfoOf } from "../../../core/kubevirt/src/pod/network-info.ts";
import { anAttachment } from "../../support/netns/attachment.ts";

const VF = "0000:01:10.0";
const OTHER = "0000:01:10.2";
const attachment = anAttachment({
  name: "fast",
  network: { kind: "multus", networkName: "sriov-net", default: false },
  names: { pod: "pod1", tap: "tap1", bridge: "k6t-1", adopted: "1-nic" },
  deviceInfo: { type: "pci", pciAddress: VF },
  allocatedDevices: [OTHER, VF],
});
const problems = (pciAddress: string, binding = "sriov"): string =>
  findPlanProblems({ domain: { kind: "hostdev", pciAddress } }, { attachment, grants: grantsOf(binding, releasedGrants()) }).join("; ");

describe("the device", () => {
  test("is the one that is told of for the network; else the only one that was allocated", () => {
    expect(sriov.plan(attachment).domain).toEqual({ kind: "hostdev", pciAddress: VF });
    const { deviceInfo: _, ...untold } = attachment;
    expect(sriov.plan({ ...untold, allocatedDevices: [OTHER] }).domain).toEqual({ kind: "hostdev", pciAddress: OTHER });
    expect(() => sriov.plan(untold)).toThrow(`${OTHER}, ${VF}, and nothing tells which of them`);
    expect(() => sriov.plan({ ...untold, allocatedDevices: [] })).toThrow("was allocated no PCI device");
  });

  test("must be one that the pod was allocated, and the binding be granted host devices", () => {
    expect(problems(VF)).toBe("");
    expect(problems("0000:00:1f.2")).toContain(
      '"0000:00:1f.2" is none of the devices that the pod was allocated for this NIC (0000:01:10.2',
    );
    expect(problems(`${VF}'/>`)).toContain("none of the devices");
    expect(problems(VF, "mine")).toContain('"hostdev" are not granted');
  });

  test("stands in the domain with KubeVirt's alias, at the guest's own address, without what only a link has", () => {
    const nic = nicDomain({ ...attachment, bootOrder: 2, pciAddress: "0000:03:00.0", acpiIndex: 7 });
    const patch = (xml: string): string => patchDomain(xml, nic, sriov.plan(attachment).domain);
    const once = patch("<domain><devices/></domain>");
    expect(once.replace(/>\s+</g, "><")).toBe(
      "<domain><devices><hostdev type='pci' managed='no'><source><address type='pci' domain='0x0000' bus='0x01' slot='0x10' function='0x0'/></source>" +
        "<boot order='2'/><alias name='ua-sriov-fast'/><address type='pci' domain='0x0000' bus='0x03' slot='0x00' function='0x0'/></hostdev></devices></domain>",
    );
    expect(patch(once)).toBe(once);
  });
});

test("the pod network is refused, with what to write", () => {
  expect(sriov.admit({ ...attachment, network: { kind: "pod" } })).toMatchObject([
    { field: "name", fix: expect.stringContaining("multus") },
  ]);
  expect(sriov.admit(attachment)).toEqual([]);
});

describe("what a device plugin tells", () => {
  const environment = {
    PCIDEVICE_INTEL_COM_SRIOV_NET: `${OTHER},${VF}`,
    PCIDEVICE_INTEL_COM_SRIOV_NET_INFO: JSON.stringify({ "0000:09:00.0": {} }),
    PCIDEVICE_INTEL_COM_SRIOV_NET_2: "0000:02:00.1",
    PCIDEVICE_INTEL_COM_SRIOV: "none",
  };

  test("is read by the resource's own variable: a longer name is another's, and so is its information", () => {
    expect(deviceVariable("intel.com/sriov-net")).toBe("PCIDEVICE_INTEL_COM_SRIOV_NET");
    expect(allocatedDevices(environment, "intel.com/sriov-net")).toEqual([OTHER, VF]);
    expect(allocatedDevices(environment, "intel.com/sriov_net.2")).toEqual(["0000:02:00.1"]);
    expect(allocatedDevices(environment, "intel.com/sriov")).toEqual([]);
    expect(allocatedDevices({}, "intel.com/sriov")).toEqual([]);
  });

  test("is read from the information where there is no list", () => {
    const { PCIDEVICE_INTEL_COM_SRIOV_NET: _, ...rest } = environment;
    expect(allocatedDevices(rest, "intel.com/sriov-net")).toEqual(["0000:09:00.0"]);
    for (const text of ["", "{", "null", "[1]"]) expect(allocatedDevices({ [deviceInfoVariable("a/b")]: text }, "a/b"), text).toEqual([]);
  });

  test("of a vDPA device is its character device's name beside its base's address, and nothing that leads elsewhere", () => {
    const of = (mount: unknown): readonly string[] =>
      allocatedDevices({ [deviceVariable("a/b")]: VF, [deviceInfoVariable("a/b")]: JSON.stringify({ [VF]: { vdpa: { mount } } }) }, "a/b");
    expect(of("/dev/vhost-vdpa-12")).toEqual([VF, "vhost-vdpa-12"]);
    for (const mount of ["/dev/../vhost-vdpa-0", "/dev/vhost-vdpa-0/x", "/dev/vhost-vdpa-", "/dev/mem", "vhost-vdpa-0", 1, null])
      expect(of(mount), String(mount)).toEqual([VF]);
    expect(sriov.plan({ ...attachment, allocatedDevices: of("/dev/vhost-vdpa-0") }).domain).toEqual({ kind: "hostdev", pciAddress: VF });
    for (const details of [null, 1, { vdpa: null }, { vdpa: 1 }])
      expect(allocatedDevices({ [deviceInfoVariable("a/b")]: JSON.stringify({ [VF]: details }) }, "a/b")).toEqual([VF]);
  });

  test("of two devices of a resource is one list and one object", () => {
    const of = (address: string): Record<string, string> => ({
      [deviceVariable("a/b")]: address,
      [deviceInfoVariable("a/b")]: JSON.stringify({ [address]: {} }),
    });
    const merged = mergeDeviceVariables([of(OTHER), of(VF), { OTHER_VARIABLE: "x" }]);
    expect(allocatedDevices(merged, "a/b")).toEqual([OTHER, VF]);
    expect(JSON.parse(merged["PCIDEVICE_A_B_INFO"] ?? "")).toEqual({ [OTHER]: {}, [VF]: {} });
  });

  test("of a network stands in the launcher's file; what is empty or damaged tells nothing", () => {
    const info = { type: "pci", version: "1.1.0", pci: { "pci-address": VF } };
    const text = networkInfoText([{ network: "b", info, mac: "02:00:00:00:00:01" }, { network: "a" }]);
    expect(JSON.parse(text)).toEqual({ interfaces: [{ network: "a" }, { network: "b", deviceInfo: info, mac: "02:00:00:00:00:01" }] });
    expect(deviceInfoOf(text, "b")).toEqual({ type: "pci", pciAddress: VF });
    for (const damaged of ["", "{", "null", "[]", '{"interfaces":[null,1]}', text.replace(VF, "01:10.0'")])
      expect(deviceInfoOf(damaged, "b")?.pciAddress, damaged).toBeUndefined();
  });
});
