import type { Attachment, BridgeLink, Plan, RouterAdvertisementService } from "@netbind/contract";
import { anAttachment } from "@netbind/contract/testing";
import { expect, test } from "vitest";
import bridge from "./index.ts";

const podWith = (routes: Attachment["pod"]["routes"], ...addresses: readonly string[]): Attachment =>
  anAttachment({ pod: { ...anAttachment().pod, routes, addresses } });
const bridgeOf = (plan: Plan): BridgeLink | undefined => plan.network?.links.find((link) => link.kind === "bridge");
const raOf = (plan: Plan): RouterAdvertisementService =>
  plan.services?.find((service) => service.kind === "ra") ?? expect.fail("no advertisement");
const ROUTE6 = { destination: "fd10:244::/64" };
const DEFAULT4 = { destination: "0.0.0.0/0", gateway: "10.244.0.1" };
const DEFAULT6 = { destination: "::/0", gateway: "fd10:244::1" };

test("IPv6: the pod's address by DHCPv6, the bridge as router, and the pod's routes by the bridge", () => {
  const plan = bridge.plan(
    podWith([DEFAULT4, { destination: "10.244.0.0/24" }, ROUTE6, DEFAULT6], "10.244.0.2/24", "fd10:244::2/64"),
  );
  expect(plan.services?.map(({ kind }) => kind)).toEqual(["dhcp4", "dhcp6", "ra"]);
  expect(plan.services?.[1]).toMatchObject({ client: { mac: anAttachment().mac, address: "fd10:244::2", prefix: 64 } });
  expect(bridgeOf(plan)?.routes).toEqual([{ destination: "fd10:244::2/128" }, ROUTE6, DEFAULT6]);
  expect(raOf(plan)).not.toHaveProperty("preference");
});

test("a network without a default route of its own is not preferred to one that has one", () => {
  expect(raOf(bridge.plan(podWith([ROUTE6], "fd10:244::2/64"))).preference).toBe("low");
});

test("without addresses there is nothing to serve; an IPv4 address without any route is refused", () => {
  expect(bridge.plan(podWith([])).services).toBeUndefined();
  expect(() => bridge.plan(podWith([], "10.244.0.2/24"))).toThrow("10.244.0.2/24 and no route");
});

test("a service mesh is refused on the pod network alone", () => {
  expect(bridge.admit(anAttachment({ mesh: true })).map(({ field }) => field)).toEqual(["bridge"]);
  expect(
    bridge.admit(anAttachment({ mesh: true, network: { kind: "multus", networkName: "blue", default: false } })),
  ).toEqual([]);
});
