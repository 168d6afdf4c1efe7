import { anAttachment } from "@netbind/contract/testing";
import { countOperations, desiredNetwork, diffNetwork, type ObservedNetwork, teardownNetwork } from "@netbind/engine";
import bridge from "@netbind/plugin-bridge";
import { expect, test } from "vitest";

test("a NIC's network is taken out of a pod that lives on: what was made goes, the pod's link has its name again, twice is nothing", () => {
  const attachment = anAttachment({ pod: { ...anAttachment().pod, addresses: ["10.244.0.2/24", "fd10::2/64"] } });
  const plan = bridge.plan(attachment);
  const desired = {
    ...desiredNetwork(attachment.names, plan, attachment.pod),
    owner: { uid: 107, gid: 107 },
    placeholderKind: "dummy" as const,
  };
  const link = { mac: "02:00:00:00:00:09", mtu: 1450, up: true, carrier: true, addresses: [] };
  const observed: ObservedNetwork = {
    links: [
      { ...link, name: "k6t-eth0", kind: "bridge" },
      { ...link, name: "eth0-nic", kind: "veth", controller: "k6t-eth0" },
      { ...link, name: "tap0", kind: "tun" },
      { ...link, name: "eth0", kind: "dummy", up: false },
    ],
    routes: [],
    sysctls: {},
    table: [],
  };
  const operations = teardownNetwork(desired, observed);
  expect(operations.ip).toEqual([
    "link set dev k6t-eth0 group 28258",
    "link set dev tap0 group 28258",
    "link set dev eth0 group 28258",
    "link del group 28258",
    "link set dev eth0-nic down nomaster",
    "link set dev eth0-nic name eth0",
  ]);
  expect(operations.nft.filter((command) => "delete" in command)).toHaveLength(2);
  // A pod link that never was taken over is nothing that was made.
  const untouched: ObservedNetwork = {
    links: [{ ...link, name: "eth0", kind: "veth" }],
    routes: [],
    sysctls: {},
    table: null,
  };
  expect(countOperations(teardownNetwork(desired, untouched))).toBe(0);
  expect(countOperations(diffNetwork(desired, untouched))).toBeGreaterThan(10);
});
