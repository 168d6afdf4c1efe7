import { createHash } from "node:crypto";
import type { Violation } from "@netbind/contract";
import { admitVmi, checkVmiSpec } from "@netbind/kubevirt/admission";
import { decideVmi } from "@netbind/engine";
import { guestResolver, podHostname, podResolvConf } from "@netbind/kubevirt/pod";
import { nicMac, nicNames, nicQueues, parseQuantity, resolveBinding, type Vmi, type VmiInterface } from "@netbind/kubevirt";
import masquerade from "@netbind/plugin-masquerade";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sha256 } from "../../../core/kubevirt/src/values/sha256.ts";

const vmi = (
  change: {
    readonly nics?: readonly Partial<VmiInterface>[];
    readonly networks?: Vmi["spec"]["networks"];
    readonly spec?: Partial<Vmi["spec"]>;
    readonly annotations?: Record<string, string>;
  } = {},
): Vmi => {
  const interfaces = (change.nics ?? [{}]).map((nic, at) => ({
    name: `n${at}`,
    ...(nic.bridge || nic.binding || nic.sriov ? {} : { masquerade: {} }),
    ...nic,
  }));
  return {
    apiVersion: "kubevirt.io/v1",
    kind: "VirtualMachineInstance",
    metadata: { name: "vm", namespace: "ns", annotations: change.annotations ?? {} },
    spec: {
      domain: { devices: { interfaces } },
      networks:
        change.networks ?? interfaces.map(({ name }, at) => (at === 0 ? { name, pod: {} } : { name, multus: { networkName: "red" } })),
      ...change.spec,
    },
  };
};
const fields = (found: readonly Violation[]): readonly string[] => found.map(({ field }) => field);
const FALLBACK = { policy: "Always", table: { masquerade: { image: "netbind/masquerade:1" } } } as const;

test("the hash is the one that everybody else computes", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "grapheme", maxLength: 200 }),
      (text) => void expect(sha256(text)).toBe(createHash("sha256").update(text).digest("hex")),
    ),
  );
});

test("names are KubeVirt's, within the kernel's 15 characters", () => {
  expect(nicNames({ name: "x", pod: {} })).toEqual({ pod: "eth0", tap: "tap0", bridge: "k6t-eth0", adopted: "eth0-nic" });
  expect(nicNames({ name: "red", multus: { networkName: "red" } })).toEqual({
    pod: "podb1f51a511f1",
    tap: "tapb1f51a511f1",
    bridge: "k6t-b1f51a511f1",
    adopted: "b1f51a511f1-nic",
  });
  expect(nicNames({ name: "red", multus: { networkName: "red", default: true } }).pod).toBe("eth0");
});

test("a MAC address is the author's, else the status', else the same one at every start", () => {
  const of = (nic: Partial<VmiInterface>, status?: Vmi["status"]): string =>
    nicMac({ ...vmi(), ...(status ? { status } : {}) }, { name: "n0", ...nic });
  expect(of({ macAddress: "DE-AD-00-00-BE-AF" })).toBe("de:ad:00:00:be:af");
  expect(of({}, { interfaces: [{ name: "n0", mac: "02:00:00:00:00:07" }] })).toBe("02:00:00:00:00:07");
  expect(of({})).toMatch(/^02(:[0-9a-f]{2}){5}$/);
  expect(of({})).toBe(of({}));
  expect(of({})).not.toBe(of({ name: "n1" }));
});

test("quantities and queues", () => {
  expect(
    ["64Mi", "1.5Gi", "64M", "500m", "2", "1e3", "1E", "2.", ".5", "1n", "", "Mi", ".", "1Mx", "-1"].map((text) => parseQuantity(text)),
  ).toEqual([
    67108864n,
    1610612736n,
    64000000n,
    1n,
    2n,
    1000n,
    10n ** 18n,
    2n,
    1n,
    1n,
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  const spec = (domain: object): Vmi["spec"] => ({ domain: { devices: { networkInterfaceMultiqueue: true }, ...domain } });
  expect(nicQueues(spec({ cpu: { cores: 2, threads: 2 } }), "virtio")).toBe(4);
  expect(nicQueues(spec({ cpu: { cores: 400 } }), "virtio")).toBe(256);
  expect(nicQueues(spec({ resources: { limits: { cpu: "2500m" } } }), "virtio")).toBe(3);
  expect(nicQueues(spec({ cpu: { cores: 2 } }), "e1000")).toBe(0);
  expect(nicQueues({ domain: { devices: {}, cpu: { cores: 2 } } }, "virtio")).toBe(0);
});

test("the resolver is the pod's, by KubeVirt's rules", () => {
  const pod = "nameserver 10.96.0.10\nnameserver fd00::10\nnameserver bad\nsearch Default.svc.cluster.local svc.cluster.local\n";
  expect(guestResolver(pod, "sub")).toEqual({
    nameservers4: ["10.96.0.10"],
    nameservers6: ["fd00::10"],
    search: ["sub.default.svc.cluster.local", "default.svc.cluster.local", "svc.cluster.local"],
  });
  expect(guestResolver("")).toEqual({ nameservers4: ["8.8.8.8"], nameservers6: [], search: ["cluster.local"] });
  expect(guestResolver("nameserver fd00::1\n").nameservers4).toEqual([]);
  const spec = { domain: { devices: {} }, dnsPolicy: "None", dnsConfig: { nameservers: ["192.0.2.1"], searches: ["a.b"] } };
  expect(podResolvConf(spec, pod)).toBe("search a.b\nnameserver 192.0.2.1\n");
  expect(podHostname({ ...vmi(), metadata: { name: "web.example", namespace: "ns" } })).toBe("web");
});

describe("admission", () => {
  const rules: Record<string, readonly [Vmi, readonly string[]]> = {
    "a good VM": [vmi(), []],
    "no binding": [vmi({ nics: [{ masquerade: undefined as never }] }), ["spec.domain.devices.interfaces[0]"]],
    "two bindings": [vmi({ nics: [{ masquerade: {}, bridge: {} }] }), ["spec.domain.devices.interfaces[0]"]],
    "masquerade on a multus network": [
      vmi({ nics: [{}], networks: [{ name: "n0", multus: { networkName: "x" } }] }),
      ["spec.domain.devices.interfaces[0].name"],
    ],
    "a network without an interface": [
      vmi({
        networks: [
          { name: "n0", pod: {} },
          { name: "x", multus: { networkName: "x" } },
        ],
      }),
      ["spec.networks[1].name"],
    ],
    "an interface without a network": [vmi({ networks: [] }), ["spec.domain.devices.interfaces[0].name"]],
    "two pod networks": [
      vmi({
        nics: [{}, {}],
        networks: [
          { name: "n0", pod: {} },
          { name: "n1", pod: {} },
        ],
      }),
      ["spec.networks[1].pod"],
    ],
    "a pod network and a default one": [
      vmi({
        nics: [{}, { bridge: {} }],
        networks: [
          { name: "n0", pod: {} },
          { name: "n1", multus: { networkName: "x", default: true } },
        ],
      }),
      ["spec.networks"],
    ],
    "a network without a source": [vmi({ nics: [{ bridge: {} }], networks: [{ name: "n0" }] }), ["spec.networks[0]"]],
    "the bridge's own MAC, however it is written": [
      vmi({ nics: [{ macAddress: "0200.0000.0000" }] }),
      ["spec.domain.devices.interfaces[0].macAddress"],
    ],
    "one MAC twice": [
      vmi({ nics: [{ macAddress: "02:00:00:00:00:01" }, { bridge: {}, macAddress: "02-00-00-00-00-01" }] }),
      ["spec.domain.devices.interfaces[1].macAddress"],
    ],
    "a PCI address": [vmi({ nics: [{ pciAddress: "0000:81:01.10" }] }), ["spec.domain.devices.interfaces[0].pciAddress"]],
    "boot order 0 and a place taken": [
      vmi({
        nics: [{ bootOrder: 0 }, { bridge: {}, bootOrder: 2 }],
        spec: {
          domain: {
            devices: {
              disks: [{ name: "d", bootOrder: 2 }],
              interfaces: vmi({ nics: [{ bootOrder: 0 }, { bridge: {}, bootOrder: 2 }] }).spec.domain.devices.interfaces ?? [],
            },
          },
        },
      }),
      ["spec.domain.devices.interfaces[0].bootOrder", "spec.domain.devices.interfaces[1].bootOrder"],
    ],
    "DHCP texts that mean something elsewhere": [
      vmi({
        nics: [
          {
            dhcpOptions: {
              bootFileName: "a\nb",
              tftpServerName: "x".repeat(256),
              ntpServers: ["ntp"],
              privateOptions: [{ option: 1, value: "" }],
            },
          },
        ],
      }),
      ["privateOptions[0].option", "ntpServers[0]", "bootFileName", "tftpServerName", "privateOptions[0].value"].map(
        (field) => `spec.domain.devices.interfaces[0].dhcpOptions.${field}`,
      ),
    ],
    "port names and numbers": [
      vmi({
        nics: [
          {
            ports: [
              { name: "a", port: 1 },
              { name: "a", port: 0 },
              { name: "a,b", port: 1, protocol: "tcp" },
            ],
          },
        ],
      }),
      ["ports[1].name", "ports[2].name", "ports[1].port", "ports[2].protocol"].map((field) => `spec.domain.devices.interfaces[0].${field}`),
    ],
    state: [vmi({ nics: [{ state: "absent" }] }), ["spec.domain.devices.interfaces[0].state", "spec.domain.devices.interfaces[0].state"]],
    "host name and search domains": [
      vmi({ spec: { hostname: "a\nb", dnsConfig: { searches: ["x,y"], nameservers: ["dns"] } } }),
      ["spec.dnsConfig.searches[0]", "spec.dnsConfig.nameservers[0]", "spec.hostname"],
    ],
  };
  for (const [what, [subject, expected]] of Object.entries(rules))
    test(what, () => expect(fields(admitVmi(subject, { configuration: {} }))).toEqual(expected));

  test("a cluster may forbid bridge on the pod network", () => {
    const bridge = vmi({ nics: [{ bridge: {} }] });
    expect(fields(admitVmi(bridge, { configuration: {} }))).toEqual([]);
    expect(fields(admitVmi(bridge, { configuration: { network: { permitBridgeInterfaceOnPodNetwork: false } } }))).toEqual([
      "spec.domain.devices.interfaces[0].name",
    ]);
  });
});

test("whatever JSON a spec is, its shape is judged and never throws", () => {
  fc.assert(fc.property(fc.json(), (text) => void expect(Array.isArray(checkVmiSpec(JSON.parse(text)))).toBe(true)));
});

test("a binding is found by name: registered, by its attachment, by this release's image, or not at all", () => {
  const registered = { network: { binding: { masquerade: { sidecarImage: "r/m:2" }, tap: { domainAttachmentType: "tap" }, empty: {} } } };
  expect(resolveBinding("masquerade", registered, FALLBACK)).toEqual({ name: "masquerade", image: "r/m:2", from: "registered" });
  expect(resolveBinding("tap", registered, FALLBACK)).toEqual({ name: "tap", from: "domainAttachmentType", domainAttachmentType: "tap" });
  expect(resolveBinding("masquerade", {}, FALLBACK)).toEqual({ name: "masquerade", image: "netbind/masquerade:1", from: "fallback" });
  expect(resolveBinding("masquerade", {}, { ...FALLBACK, policy: "Never" })).toMatchObject({ problem: expect.stringContaining("policy") });
  expect(resolveBinding("slirp", {}, { policy: "SlirpOnly", table: { slirp: { image: "s", digest: "sha256:1" } } })).toMatchObject({
    image: "s@sha256:1",
  });
  expect(resolveBinding("other", registered, FALLBACK)).toMatchObject({
    fix: expect.stringContaining("registered: empty, masquerade, tap"),
  });
  expect(resolveBinding("empty", registered, FALLBACK)).toMatchObject({ problem: expect.stringContaining("neither sidecarImage") });
  expect(resolveBinding("toString", registered, FALLBACK)).toHaveProperty("problem");
});

test("a decision: needs of the binding in the pod, one sidecar for each distinct binding", async () => {
  const { decision } = await decideVmi({
    vmi: vmi({ nics: [{ ports: [{ port: 80, name: "http" }] }] }),
    configuration: { imagePullPolicy: "Never" },
    fallback: FALLBACK,
    bindings: new Map([["masquerade", masquerade]]),
  });
  expect(decision?.pod.metadata.annotations).toMatchObject({ "istio.io/reroute-virtual-interfaces": "k6t-eth0" });
  expect(decision?.pod.spec.containers.map(({ name }) => name)).toEqual(["compute", "hook-sidecar-0"]);
  expect(decision?.pod.spec.containers[1]).toMatchObject({
    image: "netbind/masquerade:1",
    imagePullPolicy: "Never",
    securityContext: { runAsUser: 107, capabilities: { drop: ["ALL"] } },
  });
  expect(decision?.nics[0]).toMatchObject({
    binding: "masquerade",
    names: { tap: "tap0" },
    spec: { ports: [{ port: 80, protocol: "TCP", name: "http" }] },
  });
});
