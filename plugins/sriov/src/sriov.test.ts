import { anAttachment } from "@netbind/contract/testing";
import { expect, test } from "vitest";
import sriov from "./index.ts";

const VF = "0000:01:10.0";
const OTHER = "0000:01:10.2";
const network = { kind: "multus", networkName: "sriov-net", default: false } as const;
const attachment = anAttachment({ network, allocatedDevices: [OTHER, VF] });
const reported = { ...attachment, deviceInfo: { type: "pci", pciAddress: VF } };

test("the device is the one that is reported for the network; else the only PCI device that was allocated", () => {
  expect(sriov.plan(reported).domain).toEqual({ kind: "hostdev", pciAddress: VF });
  expect(sriov.plan({ ...attachment, allocatedDevices: [OTHER] }).domain).toEqual({
    kind: "hostdev",
    pciAddress: OTHER,
  });
  expect(sriov.plan({ ...attachment, allocatedDevices: [VF, "vhost-vdpa-0"] }).domain).toEqual({
    kind: "hostdev",
    pciAddress: VF,
  });
  expect(() => sriov.plan(attachment)).toThrow(`${OTHER}, ${VF}, and none of them is reported for this network`);
  expect(() => sriov.plan({ ...attachment, allocatedDevices: [] })).toThrow("was allocated no PCI device");
});

test("the pod network is refused, with what to write", () => {
  expect(sriov.admit(anAttachment())).toMatchObject([{ field: "name", fix: expect.stringContaining("multus") }]);
  expect(sriov.admit(attachment)).toEqual([]);
});
