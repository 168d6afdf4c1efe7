import type { Attachment, BridgeLink, Plan, RouterAdvertisementService } from "@netbind/contract";
import { authorize, dnsmasq6Config, findPlanProblems, STANDARD_GRANTS, desiredNetwork } from "@netbind/engine";
import bridge from "@netbind/plugin-bridge";
import { planFromWire, planToWire } from "@netbind/remote/binding";
import { expect, test } from "vitest";
import { anAttachment } from "../../support/netns/attachment.ts";

const pod = (routes: Attachment["pod"]["routes"], ...addresses: readonly string[]): Attachment =>
  anAttachment({ pod: { ...anAttachment().pod, mac: "02:11:22:33:44:55", addresses, routes } });
const DUAL = pod(
  [
    { destination: "0.0.0.0/0", gateway: "10.244.0.1" },
    { destination: "10.244.0.0/24" },
    { destination: "fd10:244::/64" },
    { destination: "::/0", gateway: "fd10:244::1" },
  ],
  "10.244.0.2/24",
  "fd10:244::2/64",
);
const bridgeOf = (plan: Plan): BridgeLink =>
  plan.network?.links.find((link): link is BridgeLink => link.kind === "bridge") ?? expect.fail("no bridge");
const raOf = (plan: Plan): RouterAdvertisementService =>
  plan.services?.find((service): service is RouterAdvertisementService => service.kind === "ra") ?? expect.fail("no advertisement");

test("IPv6: the pod's address by DHCPv6, the bridge as router, the pod's routes by the bridge; it crosses the wire as it is", () => {
  const plan = bridge.plan(DUAL);
  expect(plan.services?.map(({ kind }) => kind)).toEqual(["dhcp4", "dhcp6", "ra"]);
  expect(plan.services?.[1]).toMatchObject({ client: { mac: DUAL.mac, address: "fd10:244::2", prefix: 64 } });
  expect(bridgeOf(plan).routes).toEqual([
    { destination: "fd10:244::2/128" },
    { destination: "fd10:244::/64" },
    { destination: "::/0", gateway: "fd10:244::1" },
  ]);
  expect(raOf(plan)).not.toHaveProperty("preference");
  expect(authorize(plan, { attachment: DUAL, grants: STANDARD_GRANTS })).toEqual(plan);
  expect(planFromWire(planToWire(plan))).toEqual(plan);
  const keys = desiredNetwork(DUAL.names, plan, DUAL.pod).plan.sysctls?.map(({ key }) => key);
  expect(keys).toContain("net.ipv6.conf.all.forwarding");
  expect(keys).toContain("net.ipv6.conf.k6t-eth0.accept_ra");
  expect(keys).not.toContain("net.ipv6.conf.k6t-eth0.disable_ipv6");
});

test("a network without a default route of its own is not preferred to one that has one", () => {
  const lone = pod([{ destination: "fd10:244::/64" }], "fd10:244::2/64");
  const plan = bridge.plan(lone);
  expect(raOf(plan).preference).toBe("low");
  expect(planFromWire(planToWire(plan))).toEqual(plan);
  const dhcp6 = plan.services?.find((service) => service.kind === "dhcp6");
  const lines = dnsmasq6Config("k6t-eth0", dhcp6, raOf(plan)).split("\n");
  // dnsmasq(8): the MTU comes before the preference.
  expect(lines).toContain("ra-param=k6t-eth0,mtu:1450,low,60,1800");
  expect(lines).toContain("shared-network=k6t-eth0,fd10:244::2");
  expect(lines).toContain("dhcp-range=fd4e:6574:6269::,static,off-link,64");
});

test("without addresses there is nothing to serve, and no fence; with them the fence is part of what is kept", () => {
  const bare = pod([]);
  expect(bridge.plan(bare).services).toBeUndefined();
  expect(desiredNetwork(bare.names, bridge.plan(bare), bare.pod).table.serverGuard).toBeUndefined();
  expect(desiredNetwork(DUAL.names, bridge.plan(DUAL), DUAL.pod).table.serverGuard).toEqual({ outside: "eth0-nic" });
});

test("a bridge may have the routes of the pod link that is handed over to it, and no others", () => {
  const plan = bridge.plan(DUAL);
  const links = plan.network?.links ?? [];
  const withRoutes = (routes: BridgeLink["routes"], kept = links): Plan => ({
    ...plan,
    services: [],
    network: { links: kept.map((link) => (link.kind === "bridge" ? { ...link, ...(routes === undefined ? {} : { routes }) } : link)) },
  });
  for (const route of [
    { destination: "::/0", gateway: "fd10:244::666" },
    { destination: "fd66::/64" },
    { destination: "::/0 dev lo" },
    { destination: "fd10:244::3/128" },
  ])
    expect(findPlanProblems(withRoutes([route]), { attachment: DUAL, grants: STANDARD_GRANTS }).join(), route.destination).toContain(
      "links[0].routes[0]",
    );
  expect(
    findPlanProblems(withRoutes([{ destination: "::/0", gateway: "fd10:244::1" }]), { attachment: DUAL, grants: STANDARD_GRANTS }),
  ).toEqual([]);
  // Where the pod's link keeps its own routes, nobody else has them.
  const kept = links.filter(({ kind }) => kind === "bridge" || kind === "tap");
  expect(
    findPlanProblems(withRoutes([{ destination: "fd10:244::/64" }], kept), { attachment: DUAL, grants: STANDARD_GRANTS }).join(),
  ).toContain("routes[0]");
  const ra = { ...raOf(plan), preference: "high" } as unknown as RouterAdvertisementService;
  expect(findPlanProblems({ ...plan, services: [ra] }, { attachment: DUAL, grants: STANDARD_GRANTS }).join()).toContain(
    "services[0].preference",
  );
});
