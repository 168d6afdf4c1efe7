import type { BindingError, Plan } from "@netbind/contract";
import { anAttachment } from "@netbind/contract/testing";
import masquerade from "@netbind/plugin-masquerade";
import { describe, expect, test } from "vitest";
import { authorize, findPlanProblems } from "../../../core/engine/src/plan/authorize.ts";
import { STANDARD_GRANTS } from "../../../core/engine/src/plan/grants.ts";

const attachment = anAttachment();
const good = masquerade.plan(attachment);
const problems = (plan: Plan): readonly string[] => findPlanProblems(plan, { attachment, grants: STANDARD_GRANTS });
const withNetwork = (change: Partial<NonNullable<Plan["network"]>>): Plan => ({
  ...good,
  network: { links: [], ...good.network, ...change },
});
const withService = (change: object): Plan => ({
  ...good,
  services: good.services?.map((service) => ({ ...service, ...change })) ?? [],
});
const chain = (matches: readonly object[], verdict: object): Plan =>
  withNetwork({
    nftables: [
      {
        name: "x",
        base: { type: "nat", hook: "prerouting", priority: 0 },
        rules: [{ family: "ip", matches, verdict }],
      },
    ],
  } as never);

test("masquerade's own plan passes as it is", () => {
  expect(authorize(good, { attachment, grants: STANDARD_GRANTS })).toEqual(good);
});

describe("a plan that reaches beyond its NIC is refused", () => {
  const hostile: Record<string, readonly [Plan, string]> = {
    "another link's name": [
      withNetwork({ links: [{ kind: "bridge", name: "eth0", mtu: 1500, addresses: [] }] }),
      "network.links[0].name",
    ],
    "a command in a link's name": [
      withNetwork({ links: [{ kind: "tap", name: "tap0\nlink del eth0", mtu: 1500, queues: 0 }] }),
      "network.links[0].name",
    ],
    "a command in an address": [
      withNetwork({
        links: [{ kind: "bridge", name: "k6t-eth0", mtu: 1500, addresses: [{ address: "10.0.2.1\n", prefix: 24 }] }],
      }),
      "addresses[0]",
    ],
    "a multicast MAC": [
      withNetwork({
        links: [{ kind: "bridge", name: "k6t-eth0", mac: "01:00:00:00:00:00", mtu: 1500, addresses: [] }],
      }),
      "mac",
    ],
    "a sysctl that is not granted": [
      withNetwork({ sysctls: [{ key: "kernel.core_pattern", value: "1" }] }),
      "network.sysctls[0].key",
    ],
    "a sysctl's value with a line": [
      withNetwork({ sysctls: [{ key: "net.ipv4.ip_forward", value: "1\n2" }] }),
      "network.sysctls[0].value",
    ],
    "a rule about another link": [
      chain([{ kind: "inputInterface", name: "eth1" }], { kind: "drop" }),
      "nftables[0].rules[0]",
    ],
    "a rule about everything": [
      chain([{ kind: "destinationPort", protocol: "tcp", ports: [22] }], { kind: "drop" }),
      "not limited",
    ],
    "traffic to a stranger": [
      chain([{ kind: "inputInterface", name: "eth0" }], { kind: "dnat", to: "192.0.2.7" }),
      "192.0.2.7",
    ],
    "a jump to nowhere": [
      chain([{ kind: "inputInterface", name: "eth0" }], { kind: "jump", chain: "input" }),
      "is not a chain of this plan",
    ],
    "a port that is none": [
      chain(
        [
          { kind: "inputInterface", name: "eth0" },
          { kind: "destinationPort", protocol: "tcp", ports: [0, [9, 3]] },
        ],
        { kind: "accept" },
      ),
      "is not a valid port or range of ports",
    ],
    "DHCP to another guest": [
      withService({ client: { mac: "02:00:00:00:00:99", address: "10.0.2.2", prefix: 24 } }),
      "client.mac",
    ],
    "DHCP outside its network": [
      withService({ client: { mac: attachment.mac, address: "10.9.9.9", prefix: 24 } }),
      "client.address",
    ],
    "DHCP on the pod's link": [withService({ link: "eth0" }), "services[0].link"],
    "a script in a boot file name": [withService({ bootFileName: "a\ndhcp-script=/bin/sh" }), "control character"],
    "a script in a search domain": [withService({ search: ["x\ndhcp-script=/bin/sh"] }), "services[0].search[0]"],
    "a device without a grant": [
      { ...good, domain: { kind: "hostdev", pciAddress: "0000:01:10.0" } },
      '"hostdev" are not granted',
    ],
    "passt without a grant": [{ ...good, domain: { kind: "passt", forward: [] } }, '"passt" are not granted'],
    "a vhost-user socket without a grant": [
      { ...good, domain: { kind: "vhostuser", socket: "red.sock", mode: "client", queues: 0 } },
      '"vhostuser" are not granted',
    ],
    "a vDPA device without a grant": [
      { ...good, domain: { kind: "vdpa", device: "vhost-vdpa-0" } },
      '"vdpa" are not granted',
    ],
    "a plan that is huge": [withService({ bootFileName: "x".repeat(300_000) }), "characters"],
  };
  for (const [what, [plan, mention]] of Object.entries(hostile)) {
    test(what, () => {
      expect(problems(plan).join("\n")).toContain(mention);
      expect(() => authorize(plan, { attachment, grants: STANDARD_GRANTS })).toThrow(
        expect.objectContaining({ code: "PLAN_OUT_OF_BOUNDS" }) as BindingError,
      );
    });
  }

  test("all that is wrong is told at once", () => {
    const plan = {
      ...withNetwork({ sysctls: [{ key: "a", value: "b" }], links: [{ kind: "tap", name: "x", mtu: 1, queues: 900 }] }),
      services: [],
    };
    expect(problems(plan as Plan).length).toBeGreaterThanOrEqual(5);
  });
});
