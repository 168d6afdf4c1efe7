/** Which of a pod's links is its primary one, and what its NIC is called then. */
import { releasedGrants } from "@netbind/bindings";
import type { PodLink } from "@netbind/contract";
import { anAttachment } from "@netbind/contract/testing";
import { nicDomain, patchDomain } from "@netbind/domain";
import { attachVmi, decidePod, decideVmi, grantsOf, type Host, plannerOf } from "@netbind/engine";
import { derivedNames, nicNames, type Vmi } from "@netbind/kubevirt";
import { primaryLinkOf, statusesOfAttachment } from "@netbind/kubevirt/pod";
import bridge from "@netbind/plugin-bridge";
import masquerade from "@netbind/plugin-masquerade";
import passt from "@netbind/plugin-passt";
import { expect, test } from "vitest";

const UDN = [
  { name: "ovn-kubernetes", interface: "eth0" },
  { name: "ovn-kubernetes", interface: "ovn-udn1", default: true },
];
const NAMES = { pod: "ovn-udn1", tap: "tap0", bridge: "k6t-ovn-udn1", adopted: "ovn-udn1-nic" };

const vmiOf = (status?: Vmi["status"]): Vmi => ({
  apiVersion: "kubevirt.io/v1",
  kind: "VirtualMachineInstance",
  metadata: { name: "vm", namespace: "ns" },
  spec: {
    domain: {
      devices: {
        interfaces: [
          { name: "red", binding: { name: "masquerade" } },
          { name: "blue", binding: { name: "masquerade" } },
        ],
      },
    },
    networks: [
      { name: "red", pod: {} },
      { name: "blue", multus: { networkName: "blue" } },
    ],
  },
  ...(status === undefined ? {} : { status }),
});

const namesIn = (statuses: Parameters<typeof decidePod>[0]["statuses"], status?: Vmi["status"]): readonly unknown[] =>
  decidePod({ vmi: vmiOf(status), statuses, served: new Map([["masquerade", { takesPodMac: true }]]) }).nics.map(
    ({ names }) => names,
  );

test("a pod's primary link is what its network-status marks, else what the VMI's status tells, else eth0", () => {
  const blue = nicNames({ name: "blue", multus: { networkName: "blue" } });
  const reported = { interfaces: [{ name: "red", podInterfaceName: "ovn-udn1" }] };
  expect(namesIn(UDN)).toEqual([NAMES, blue]);
  // Of two pods of one VM, each has its own report.
  expect(namesIn([{ name: "x", interface: "eth0", default: true }], reported)[0]).toEqual(
    nicNames({ name: "red", pod: {} }),
  );
  expect(namesIn([], reported)).toEqual([NAMES, blue]);
  expect(namesIn([{ name: "x", interface: "eth0" }])[0]).toEqual(nicNames({ name: "red", pod: {} }));
  expect(namesIn([])[0]).toEqual(nicNames({ name: "red", pod: {} }));
  // The older scheme is of secondary links alone.
  expect(namesIn([...UDN, { interface: "net1" }])).toEqual([
    NAMES,
    { pod: "net1", tap: "tap1", bridge: "k6t-net1", adopted: "net1-nic" },
  ]);
});

test.each(["lo", ".", "..", "../eth0", "a b", "eth0\nlink del eth1", "sixteen-letters-", ""])(
  "a report that names %j as the primary link",
  (name) => {
    const statuses = [{ name: "x", interface: name, default: true }];
    // An empty name is none.
    if (name === "") expect(namesIn(statuses)[0]).toEqual(nicNames({ name: "red", pod: {} }));
    else
      expect(() => namesIn(statuses)).toThrow(
        expect.objectContaining({
          code: "POD_LINK_MISSING",
          message: expect.stringContaining(JSON.stringify(name)) as string,
        }),
      );
  },
);

test("names that are made of a link's stay names of links, and words of a sysctl's key", () => {
  for (const pod of ["enp130s0f0np0", "eth0.100", "fifteen-letters"]) {
    const { tap, ...names } = derivedNames({ name: "red", pod: {} }, pod);
    expect(tap).toBe("tap0");
    expect(names.pod).toBe(pod);
    for (const name of [names.bridge, names.adopted]) expect(name).toMatch(/^[A-Za-z0-9_-]{5,15}$/);
    expect(names.bridge).not.toBe(names.adopted);
  }
});

test("a CNI result is reported as multus reports it", () => {
  const of = (result: unknown, isDefault = true): string | undefined =>
    primaryLinkOf(statusesOfAttachment({ name: "pods", ifname: "eth0", isDefault, result }));
  const sandbox = "/run/netns/pod";
  const [eth0, udn] = [
    { name: "eth0", sandbox, mac: "02:00:00:00:00:01" },
    { name: "ovn-udn1", sandbox },
  ];
  expect(
    of({
      interfaces: [eth0, udn],
      ips: [
        { address: "10.1.0.2/16", interface: 0 },
        { address: "10.2.0.2/16", gateway: "10.2.0.1", interface: 1 },
      ],
    }),
  ).toBe("ovn-udn1");
  expect(of({ interfaces: [eth0, udn], ips: [] })).toBe("eth0");
  expect(of({ interfaces: [eth0, udn], ips: [{ gateway: "10.2.0.1", interface: 1 }] }, false)).toBeUndefined();
  // The bridge plugin tells of the node's links too.
  expect(
    of({ interfaces: [{ name: "cni0" }, { name: "veth1" }, eth0], ips: [{ gateway: "10.1.0.1", interface: 2 }] }),
  ).toBe("eth0");
  for (const nothing of [
    undefined,
    null,
    "",
    [],
    {},
    { interfaces: "x", ips: 1 },
    { interfaces: [null, 3, { name: 4, sandbox }] },
  ])
    expect(of(nothing)).toBe("eth0");
});

test.each([
  ["masquerade", masquerade],
  ["bridge", bridge],
  ["passt", passt],
] as const)("%s wires the primary link of a pod that is known only once it is made", async (name, binding) => {
  const vmi = {
    ...vmiOf(),
    spec: {
      domain: { devices: { interfaces: [{ name: "red", binding: { name } }] } },
      networks: [{ name: "red", pod: {} }],
    },
  };
  const { decision, violations } = await decideVmi({
    vmi,
    configuration: {
      network: {
        binding: { [name]: { sidecarImage: "x", ...(name === "passt" ? {} : { domainAttachmentType: "tap" }) } },
      },
    },
    fallback: { policy: "Never", table: {} },
    bindings: new Map([[name, binding]]),
    grants: releasedGrants(),
  });
  if (decision === undefined) throw new Error(JSON.stringify(violations));
  const host: Host = {
    preparePod: async () => ({ resolvConf: anAttachment().resolvConf, hostname: "vm", primaryLink: "ovn-udn1" }),
    network: {
      recordOnce: (_nic, _fact, find) => find(),
      observe: async ({ pod }): Promise<PodLink> => ({ ...anAttachment().pod, name: pod, mac: "02:00:00:00:bb:02" }),
      apply: async () => undefined,
      startServices: async () => undefined,
    },
    grants: (registered) => grantsOf(registered, releasedGrants()),
    planner: () => plannerOf(binding),
    attach: async () => undefined,
  };
  const [nic] = await attachVmi(host, decision);
  expect(nic?.attachment).toMatchObject({ names: NAMES, pod: { name: "ovn-udn1" } });
  const text = JSON.stringify(nic?.plan);
  expect(text).not.toContain("eth0");
  if (nic !== undefined && name === "passt")
    expect(patchDomain("<domain/>", nicDomain(nic.attachment), nic.plan.domain)).toContain("<source dev='ovn-udn1'/>");
  if (name === "bridge") expect(text).toContain('"mac":"02:00:00:00:bb:02"');
});
