import { networkInfoText } from "@netbind/kubevirt/pod";
import { expect, test } from "vitest";
import { deviceInfoOf } from "../../../core/kubevirt/src/pod/network-info.ts";

const VF = "0000:01:10.0";

test("a network's device is in the launcher's file; of what is empty or damaged none is read", () => {
  const info = { type: "pci", version: "1.1.0", pci: { "pci-address": VF } };
  const text = networkInfoText([{ network: "b", info, mac: "02:00:00:00:00:01" }, { network: "a" }]);
  expect(JSON.parse(text)).toEqual({
    interfaces: [{ network: "a" }, { network: "b", deviceInfo: info, mac: "02:00:00:00:00:01" }],
  });
  expect(deviceInfoOf(text, "b")).toEqual({ type: "pci", pciAddress: VF });
  for (const damaged of ["", "{", "null", "[]", '{"interfaces":[null,1]}', text.replace(VF, "01:10.0'")])
    expect(deviceInfoOf(damaged, "b")?.pciAddress, damaged).toBeUndefined();
});
