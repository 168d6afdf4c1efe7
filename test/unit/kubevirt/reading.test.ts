/** What is read of a pod, a cluster and a VM, as KubeVirt reads it. */
import { checkMetadata, isVmiStatus, kubevirtConfiguration, sanitizeSpec } from "@netbind/kubevirt/admission";
import { guestResolver, parseResolvConf, pluginSidecars } from "@netbind/kubevirt/pod";
import { hashedLinkNames, ordinalLinkNames, type Vmi, type VmiNetwork } from "@netbind/kubevirt";
import { expect, test } from "vitest";

test("a resolv.conf's key begins its line, and a name server has its canonical text", () => {
  const text = [
    " nameserver 1.1.1.1",
    "\tsearch a.b",
    "nameserver\tFD00::10",
    "nameserver ::ffff:1.2.3.4",
    "nameserver fe80::1%eth0",
    "nameserver 010.1.1.1",
    "nameserver 2.2.2.2 # no comment",
    "search One.Two  three",
  ].join("\r\n");
  expect(parseResolvConf(text)).toEqual({ nameservers: ["fd00::10", "1.2.3.4"], search: ["one.two", "three"] });
  expect(guestResolver(text)).toMatchObject({ nameservers4: ["1.2.3.4"], nameservers6: ["fd00::10"] });
});

test("only the first primary network and secondary ones have a link in the pod", () => {
  const networks: readonly VmiNetwork[] = [
    { name: "claim", resourceClaim: { claimName: "c", requestName: "r" } },
    { name: "b", multus: { networkName: "n" } },
    { name: "pod", pod: {} },
    { name: "again", multus: { networkName: "n", default: true } },
    { name: "c", multus: { networkName: "n" } },
  ];
  expect(Object.fromEntries(ordinalLinkNames(networks))).toEqual({ b: "net1", c: "net2", pod: "eth0" });
  expect([...hashedLinkNames(networks).keys()].sort()).toEqual(["b", "c", "pod"]);
});

test("addresses of a spec have their canonical text, in either family", () => {
  const spec = sanitizeSpec({
    domain: {
      devices: {
        interfaces: [{ name: "a", dhcpOptions: { ntpServers: ["010.0.0.1", "FD00::1", "::ffff:1.2.3.4", "ntp"] } }],
      },
    },
    networks: [{ name: "a", pod: { vmNetworkCIDR: "10.000.2.1/24" } }],
  });
  expect(spec.domain.devices.interfaces?.[0]?.dhcpOptions?.ntpServers).toEqual([
    "10.0.0.1",
    "fd00::1",
    "1.2.3.4",
    "ntp",
  ]);
  expect(spec.networks?.[0]?.pod).toEqual({ vmNetworkCIDR: "10.0.2.1/24" });
});

test("a plugin that is registered without an image has no sidecar, and is not missed", () => {
  const vmi: Vmi = {
    apiVersion: "kubevirt.io/v1",
    kind: "VirtualMachineInstance",
    metadata: { name: "vm", namespace: "ns" },
    spec: {
      domain: { devices: { interfaces: [{ name: "a", binding: { name: "name-only" } }] } },
      networks: [{ name: "a", pod: {} }],
    },
  };
  const none = { policy: "Never", table: {} } as const;
  expect(pluginSidecars(vmi, { network: { binding: { "name-only": {} } } }, none)).toEqual({
    sidecars: [],
    violations: [],
  });
  expect(pluginSidecars(vmi, {}, none).violations).toHaveLength(1);
});

test("of a KubeVirt CR with wrong types, the rest is read", () => {
  const document = {
    spec: {
      configuration: {
        developerConfiguration: { featureGates: ["A", 7], disabledFeatureGates: "B", other: 1 },
        network: {
          permitBridgeInterfaceOnPodNetwork: "no",
          binding: { p: { sidecarImage: "r/p", migration: 3 }, q: 3 },
        },
      },
    },
  };
  expect(kubevirtConfiguration(document)).toEqual({
    developerConfiguration: { featureGates: ["A"], other: 1 },
    network: { binding: { p: { sidecarImage: "r/p" } } },
  });
  expect(kubevirtConfiguration("text")).toEqual({});
  expect(kubevirtConfiguration(undefined)).toEqual({});
});

test("a name may be the cluster's to make up, and a status is one or none", () => {
  expect(checkMetadata({ generateName: "vm-" })).toEqual([]);
  expect(checkMetadata({}).map(({ field }) => field)).toEqual(["metadata.name"]);
  expect([{ interfaces: [{ name: "a" }] }, { interfaces: "a" }, 3].map(isVmiStatus)).toEqual([true, false, false]);
});
