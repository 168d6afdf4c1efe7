/** What is refused in plans, each with the path of what is wrong. */
import { releasedGrants } from "@netbind/bindings";
import type { Attachment, DomainPlan, PasstPorts, Plan } from "@netbind/contract";
import { anAttachment } from "@netbind/contract/testing";
import { authorize, findPlanProblems, grantsOf, type PlannedNic, STANDARD_GRANTS } from "@netbind/engine";
import masquerade from "@netbind/plugin-masquerade";
import slirp from "@netbind/plugin-slirp";
import { expect, test } from "vitest";
import { attachment, bounds, good } from "../../support/cases/judged-attachment.ts";

const withNetwork = (change: object): Plan =>
  ({ ...good.masquerade, network: { ...good.masquerade.network, ...change } }) as Plan;
const chain = (hook: string, matches: readonly object[], verdict: object, type = "nat"): Plan =>
  withNetwork({
    nftables: [{ name: "x", base: { type, hook, priority: 0 }, rules: [{ family: "ip", matches, verdict }] }],
  });
const loopback = { kind: "destinationAddress", addresses: ["127.0.0.1"] };

test("shapes, kinds and base types are checked with their path, whatever the wire would have let through", () => {
  const wrong: readonly (readonly [unknown, string])[] = [
    [{ domain: { kind: "tap" }, extra: 1 }, "extra"],
    [{ domain: { kind: "qemu" } }, "domain.kind"],
    [{}, "domain"],
    [withNetwork({ links: [{ kind: "veth", name: "tap0" }] }), "network.links[0].kind"],
    [withNetwork({ links: [{ kind: "tap", name: "tap0", mtu: "1500", queues: 0 }] }), "network.links[0].mtu"],
    [withNetwork({ links: null }), "network.links"],
    [chain("ingress", [], { kind: "drop" }), "network.nftables[0].base.hook"],
    [
      chain("prerouting", [{ kind: "inputInterface", name: "eth0" }], { kind: "queue" }),
      "network.nftables[0].rules[0].verdict.kind",
    ],
    [
      chain("prerouting", [{ kind: "inputInterface", name: "eth0" }], { kind: "drop" }, "route"),
      "network.nftables[0].base.type",
    ],
    [
      chain("prerouting", [{ kind: "destinationPort", protocol: "sctp", ports: [1] }], { kind: "drop" }),
      "matches[0].protocol",
    ],
    [withNetwork({ nftables: [{ name: "netbind_guard", rules: [] }] }), "network.nftables[0].name"],
    [
      withNetwork({
        sysctls: [
          { key: "net.ipv4.ip_forward", value: "1" },
          { key: "net.ipv4.ip_forward", value: "0" },
        ],
      }),
      "network.sysctls[1].value",
    ],
    [withNetwork({ links: [...(good.masquerade.network?.links ?? [])].reverse() }), "network.links[0].bridge"],
  ];
  for (const [plan, path] of wrong) expect(findPlanProblems(plan, bounds).join("\n"), path).toContain(path);
});

test("the pod's loopback limits no rule to a NIC, but for what hands it to this NIC's guest or leaves it alone", () => {
  const refused = (plan: Plan): boolean =>
    findPlanProblems(plan, bounds).some((problem) => problem.includes("it is not limited to a link"));
  expect(refused(chain("output", [loopback], { kind: "drop" }, "filter"))).toBe(true);
  expect(refused(chain("input", [loopback], { kind: "accept" }, "filter"))).toBe(true);
  expect(refused(chain("postrouting", [{ ...loopback, kind: "sourceAddress" }], { kind: "masquerade" }))).toBe(true);
  expect(refused(chain("output", [loopback], { kind: "dnat", to: "10.244.0.2" }))).toBe(true);
  expect(refused(chain("prerouting", [loopback], { kind: "dnat", to: "10.0.2.2" }))).toBe(true);
  expect(refused(chain("output", [loopback], { kind: "dnat", to: "10.0.2.2" }))).toBe(false);
  expect(refused(chain("output", [loopback], { kind: "return" }))).toBe(false);
  expect(
    refused(
      chain(
        "postrouting",
        [
          { ...loopback, kind: "sourceAddress" },
          { kind: "outputInterface", name: "k6t-eth0" },
        ],
        { kind: "snat", to: "10.0.2.1" },
      ),
    ),
  ).toBe(false);
});

test("a network that the core did not assign is refused, and so is one inside QEMU", () => {
  const [link, ...links] = good.masquerade.network?.links ?? [];
  for (const address of [
    { address: "10.96.0.1", prefix: 12 },
    { address: "10.0.2.1", prefix: 16 },
    { address: "10.0.3.1", prefix: 24 },
    { address: "8.8.8.8", prefix: 32 },
  ])
    expect(
      findPlanProblems(withNetwork({ links: [{ ...link, addresses: [address] }, ...links] }), bounds).join("\n"),
    ).toContain(
      `network.links[0].addresses[0]: "${address.address}/${address.prefix}" is not of a network that is assigned to this NIC (10.0.2.0/24`,
    );
  const inQemu = { attachment, grants: grantsOf("slirp", releasedGrants()) };
  expect(findPlanProblems(slirp.plan(attachment), inQemu)).toEqual([]);
  const other = { domain: { kind: "userNetwork", network: "10.96.0.0/12", search: [], forward: [] } };
  expect(findPlanProblems(other, inQemu).join()).toContain("domain.network");
});

test("a guest's network that meets the pod's is refused with what it meets and which field to set", () => {
  const at = (change: Partial<Attachment>): readonly [Attachment, Plan] => {
    const own = anAttachment(change);
    return [own, masquerade.plan(own)];
  };
  const pod = anAttachment().pod;
  const meets: readonly (readonly [Partial<Attachment>, string])[] = [
    [{ pod: { ...pod, routes: [{ destination: "10.0.0.0/8", gateway: "10.244.0.1" }] } }, "the route 10.0.0.0/8"],
    [{ pod: { ...pod, routes: [{ destination: "10.0.2.128/25", gateway: "10.244.0.1" }] } }, "the route 10.0.2.128/25"],
    [{ pod: { ...pod, addresses: ["10.0.9.9/16"] } }, "the address 10.0.9.9/16"],
    [{ resolvConf: { nameservers4: ["10.0.2.53"], nameservers6: [], search: [] } }, "the name server 10.0.2.53"],
  ];
  for (const [change, what] of meets) {
    const [own, plan] = at(change);
    expect(() => authorize(plan, { attachment: own, grants: STANDARD_GRANTS })).toThrow(
      expect.objectContaining({
        code: "PLAN_IMPOSSIBLE",
        message: expect.stringMatching(/vmNetworkCIDR/) as string,
        hint: expect.stringContaining("vmNetworkCIDR") as string,
      }),
    );
    expect(findPlanProblems(plan, { attachment: own, grants: STANDARD_GRANTS }).join()).toContain(
      `the guest's network 10.0.2.1/24 overlaps ${what}`,
    );
  }
  const [own, plan] = at({});
  expect(findPlanProblems(plan, { attachment: own, grants: STANDARD_GRANTS })).toEqual([]);
});

/** Another NIC of the pod, with names of its own. */
const other = (change: Partial<Attachment>, plan: (of: Attachment) => Plan): PlannedNic => {
  const own = anAttachment({
    name: "blue",
    index: 1,
    network: { kind: "multus", networkName: "blue", default: false },
    names: { pod: "podb", tap: "tapb", bridge: "k6t-b", adopted: "b-nic" },
    pod: { ...anAttachment().pod, name: "podb", addresses: [], routes: [] },
    ...change,
  });
  return { attachment: own, plan: plan(own) };
};

test("the plans of one pod are held against each other, in whatever order they are made", () => {
  const red: PlannedNic = { attachment, plan: good.masquerade };
  const between = (a: PlannedNic, b: PlannedNic): string =>
    findPlanProblems(a.plan, {
      attachment: a.attachment,
      grants: {
        ...STANDARD_GRANTS,
        domainKinds: ["tap", "hostdev", "userNetwork", "vdpa", "vhostuser", "passt"],
        sysctls: [...STANDARD_GRANTS.sysctls, "net.ipv4.ip_unprivileged_port_start"],
      },
      others: [b],
    }).join("\n");
  const expectBoth = (blue: PlannedNic, words: string): void => {
    expect(between(blue, red)).toContain(words);
    expect(between(red, blue)).toContain(words);
  };
  const tap = { domain: { kind: "tap" } } as const;
  const bare = other(
    { pod: { ...anAttachment().pod, name: "podb", addresses: [], routes: [], tap: "tapb" } },
    () => tap,
  );
  expect(between(bare, red)).toBe("");
  expect(between(red, bare)).toBe("");
  const setting = (key: string, value: string): PlannedNic => ({
    ...bare,
    plan: { ...tap, network: { links: [], sysctls: [{ key, value }] } },
  });
  expectBoth(setting("net.ipv4.ip_forward", "0"), "net.ipv4.ip_forward");
  // What the core sets for a plan's services counts too.
  expectBoth(setting("net.ipv4.ip_unprivileged_port_start", "1024"), "contradicts");
  expectBoth({ ...bare, attachment: { ...bare.attachment, names: attachment.names } }, 'pod link "');
  expectBoth(
    { attachment: { ...bare.attachment, pod: { ...bare.attachment.pod, addresses: ["10.0.2.9/32"] } }, plan: tap },
    "overlaps the address 10.0.2.9/32",
  );
  // Two guests at the same network, and both at every port of the pod's loopback.
  const twin = other({ network: { kind: "pod" }, pod: { ...anAttachment().pod, name: "podb" } }, (of) =>
    masquerade.plan(of),
  );
  expectBoth(twin, "overlaps the network 10.0.2.1/24 of NIC");
  expectBoth(twin, "every port (ip tcp) of the pod's loopback is forwarded by the other NIC's plan already");
  const taking = (name: string, domain: DomainPlan): PlannedNic =>
    other(
      {
        name,
        allocatedDevices: ["0000:01:10.0", "vhost-vdpa-0", "vhost-vdpa-1"],
        names: { pod: name, tap: `t${name}`, bridge: `k${name}`, adopted: `n${name}` },
      },
      () => ({ domain }),
    );
  const socket = { kind: "vhostuser", socket: "a.sock", mode: "client", queues: 0 } as const;
  for (const [domain, what] of [
    [
      { kind: "hostdev", pciAddress: "0000:01:10.0" },
      'domain.pciAddress: "0000:01:10.0" is the device of NIC "two" already',
    ],
    [{ kind: "vdpa", device: "vhost-vdpa-0" }, 'domain.device: "vhost-vdpa-0" is the device of NIC "two" already'],
    [socket, 'domain.socket: "a.sock" is the socket of NIC "two" already'],
  ] as const)
    expect(between(taking("one", domain), taking("two", domain))).toBe(what);
  expect(between(taking("one", socket), taking("two", { ...socket, socket: "b.sock" }))).toBe("");
  expect(
    between(
      taking("one", { kind: "vdpa", device: "vhost-vdpa-0" }),
      taking("two", { kind: "vdpa", device: "vhost-vdpa-1" }),
    ),
  ).toBe("");
  const passt = (protocol: "tcp" | "udp", ...ports: readonly PasstPorts[]): DomainPlan => ({
    kind: "passt",
    forward: [{ protocol, ports, except: [{ from: 1 }] }],
  });
  expect(between(taking("one", passt("udp", { from: 53 })), taking("two", passt("udp")))).toContain(
    "domain.forward[0]: udp port 53 of the pod is forwarded by the other NIC's plan already (every port (udp))",
  );
  expect(between(taking("one", passt("tcp", { from: 53 })), taking("two", passt("udp")))).toBe("");
  const forward = (port: number, lastPort: number): PlannedNic =>
    other({}, () => ({
      domain: {
        kind: "userNetwork",
        network: "10.0.4.0/24",
        search: [],
        forward: [{ protocol: "TCP", port, lastPort }],
      },
    }));
  expect(between(forward(80, 80), { ...forward(80, 80), attachment })).toContain(
    "domain.forward[0]: tcp port 80 of the pod is forwarded",
  );
  expect(between(forward(80, 80), { ...forward(81, 81), attachment })).not.toContain("is forwarded");
});
