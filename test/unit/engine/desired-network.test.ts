/** What of a NIC's network is wanted beside what its binding plans. */
import { anAttachment } from "@netbind/contract/testing";
import { desiredNetwork } from "@netbind/engine";
import bridge from "@netbind/plugin-bridge";
import { expect, test } from "vitest";

const pod = anAttachment().pod;
const BARE = anAttachment({ pod: { ...pod, addresses: [], routes: [] } });
const DUAL = anAttachment({ pod: { ...pod, addresses: ["10.244.0.2/24", "fd10:244::2/64"] } });

test("a bridge with IPv6 forwards, and takes no advertisements of others", () => {
  const keys = desiredNetwork(DUAL.names, bridge.plan(DUAL), DUAL.pod).plan.sysctls?.map(({ key }) => key);
  expect(keys).toContain("net.ipv6.conf.all.forwarding");
  expect(keys).toContain("net.ipv6.conf.k6t-eth0.accept_ra");
  expect(keys).not.toContain("net.ipv6.conf.k6t-eth0.disable_ipv6");
});

test("a plan with servers has a guard before them, and one without has none", () => {
  expect(desiredNetwork(BARE.names, bridge.plan(BARE), BARE.pod).table.serverGuard).toBeUndefined();
  expect(desiredNetwork(DUAL.names, bridge.plan(DUAL), DUAL.pod).table.serverGuard).toEqual({ outside: "eth0-nic" });
});
