import { nicNames } from "@netbind/kubevirt";
import { expect, test } from "vitest";

test("names are KubeVirt's, within the kernel's 15 characters", () => {
  expect(nicNames({ name: "x", pod: {} })).toEqual({
    pod: "eth0",
    tap: "tap0",
    bridge: "k6t-eth0",
    adopted: "eth0-nic",
  });
  expect(nicNames({ name: "red", multus: { networkName: "red" } })).toEqual({
    pod: "podb1f51a511f1",
    tap: "tapb1f51a511f1",
    bridge: "k6t-b1f51a511f1",
    adopted: "b1f51a511f1-nic",
  });
  expect(nicNames({ name: "red", multus: { networkName: "red", default: true } }).pod).toBe("eth0");
});
