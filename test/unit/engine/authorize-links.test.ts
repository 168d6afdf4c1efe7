/** What a plan's links may be beside their names. */
import type { BridgeLink, Plan } from "@netbind/contract";
import { anAttachment } from "@netbind/contract/testing";
import { findPlanProblems, STANDARD_GRANTS } from "@netbind/engine";
import bridge from "@netbind/plugin-bridge";
import { expect, test } from "vitest";

const ROUTE = { destination: "fd10:244::/64" };
const DEFAULT = { destination: "::/0", gateway: "fd10:244::1" };
const attachment = anAttachment({
  pod: {
    ...anAttachment().pod,
    addresses: ["10.244.0.2/24", "fd10:244::2/64"],
    routes: [{ destination: "0.0.0.0/0", gateway: "10.244.0.1" }, { destination: "10.244.0.0/24" }, ROUTE, DEFAULT],
  },
});
const plan = bridge.plan(attachment);
const links = plan.network?.links ?? [];
const problems = (wrong: Plan): string => findPlanProblems(wrong, { attachment, grants: STANDARD_GRANTS }).join();
const withRoutes = (routes: NonNullable<BridgeLink["routes"]>, kept = links): Plan => ({
  ...plan,
  services: [],
  network: { links: kept.map((link) => (link.kind === "bridge" ? { ...link, routes } : link)) },
});

test("a bridge may have the routes of the pod link that is handed over to it, and no others", () => {
  for (const route of [
    { destination: "::/0", gateway: "fd10:244::666" },
    { destination: "fd66::/64" },
    { destination: "::/0 dev lo" },
    { destination: "fd10:244::3/128" },
  ])
    expect(problems(withRoutes([route])), route.destination).toContain("links[0].routes[0]");
  expect(problems(withRoutes([DEFAULT]))).toBe("");
});

test("where the pod's link keeps its own routes, nobody else has them", () => {
  const kept = links.filter(({ kind }) => kind === "bridge" || kind === "tap");
  expect(problems(withRoutes([ROUTE], kept))).toContain("routes[0]");
});

test("a router's preference is low or not said", () => {
  const services =
    plan.services?.map((service) => (service.kind === "ra" ? { ...service, preference: "high" as "low" } : service)) ??
    [];
  expect(problems({ ...plan, services: services.filter(({ kind }) => kind === "ra") })).toContain(
    "services[0].preference",
  );
});
