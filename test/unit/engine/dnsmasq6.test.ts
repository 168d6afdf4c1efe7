import type { Dhcp6Service, RouterAdvertisementService } from "@netbind/contract";
import { anAttachment } from "@netbind/contract/testing";
import { dnsmasq6Config } from "@netbind/engine";
import bridge from "@netbind/plugin-bridge";
import { expect, test } from "vitest";

test("a router of low preference, on a network off the link", () => {
  const pod = { ...anAttachment().pod, addresses: ["fd10:244::2/64"], routes: [{ destination: "fd10:244::/64" }] };
  const services = bridge.plan(anAttachment({ pod })).services ?? [];
  const dhcp6 = services.find((service): service is Dhcp6Service => service.kind === "dhcp6");
  const ra = services.find((service): service is RouterAdvertisementService => service.kind === "ra");
  const lines = dnsmasq6Config("k6t-eth0", dhcp6, ra).split("\n");
  // dnsmasq(8): the MTU comes before the preference.
  expect(lines).toContain("ra-param=k6t-eth0,mtu:1450,low,60,1800");
  expect(lines).toContain("shared-network=k6t-eth0,fd10:244::2");
  expect(lines).toContain("dhcp-range=fd4e:6574:6269::,static,off-link,64");
});
