/** Which devices a pod's containers were allocated: what a device plugin puts into their environment. */
import { allocatedDevices, deviceInfoVariable, deviceVariable, mergeDeviceVariables } from "@netbind/kubevirt/pod";
import { expect, test } from "vitest";

const VF = "0000:01:10.0";
const OTHER = "0000:01:10.2";
const environment = {
  PCIDEVICE_INTEL_COM_SRIOV_NET: `${OTHER},${VF}`,
  PCIDEVICE_INTEL_COM_SRIOV_NET_INFO: JSON.stringify({ "0000:09:00.0": {} }),
  PCIDEVICE_INTEL_COM_SRIOV_NET_2: "0000:02:00.1",
  PCIDEVICE_INTEL_COM_SRIOV: "none",
};

test("a device plugin's list is read by the resource's own variable: a longer name is another's, and so is its information", () => {
  expect(deviceVariable("intel.com/sriov-net")).toBe("PCIDEVICE_INTEL_COM_SRIOV_NET");
  expect(allocatedDevices(environment, "intel.com/sriov-net")).toEqual([OTHER, VF]);
  expect(allocatedDevices(environment, "intel.com/sriov_net.2")).toEqual(["0000:02:00.1"]);
  expect(allocatedDevices(environment, "intel.com/sriov")).toEqual([]);
  expect(allocatedDevices({}, "intel.com/sriov")).toEqual([]);
});

test("devices are read from the information where there is no list", () => {
  const { PCIDEVICE_INTEL_COM_SRIOV_NET: _, ...rest } = environment;
  expect(allocatedDevices(rest, "intel.com/sriov-net")).toEqual(["0000:09:00.0"]);
  for (const text of ["", "{", "null", "[1]"])
    expect(allocatedDevices({ [deviceInfoVariable("a/b")]: text }, "a/b"), text).toEqual([]);
});

test("of a vDPA device there is its character device's name beside its base's address, and nothing that leads elsewhere", () => {
  const of = (mount: unknown): readonly string[] =>
    allocatedDevices(
      { [deviceVariable("a/b")]: VF, [deviceInfoVariable("a/b")]: JSON.stringify({ [VF]: { vdpa: { mount } } }) },
      "a/b",
    );
  expect(of("/dev/vhost-vdpa-12")).toEqual([VF, "vhost-vdpa-12"]);
  for (const mount of [
    "/dev/../vhost-vdpa-0",
    "/dev/vhost-vdpa-0/x",
    "/dev/vhost-vdpa-",
    "/dev/mem",
    "vhost-vdpa-0",
    1,
    null,
  ])
    expect(of(mount), String(mount)).toEqual([VF]);
  for (const details of [null, 1, { vdpa: null }, { vdpa: 1 }])
    expect(allocatedDevices({ [deviceInfoVariable("a/b")]: JSON.stringify({ [VF]: details }) }, "a/b")).toEqual([VF]);
});

test("two devices of a resource are one list and one object", () => {
  const of = (address: string): Record<string, string> => ({
    [deviceVariable("a/b")]: address,
    [deviceInfoVariable("a/b")]: JSON.stringify({ [address]: {} }),
  });
  const merged = mergeDeviceVariables([of(OTHER), of(VF), { OTHER_VARIABLE: "x" }]);
  expect(allocatedDevices(merged, "a/b")).toEqual([OTHER, VF]);
  expect(JSON.parse(merged["PCIDEVICE_A_B_INFO"] ?? "")).toEqual({ [OTHER]: {}, [VF]: {} });
});
