/** What of a pod differs from one version of KubeVirt to another. */
import type { KubevirtMinor, Vmi, VmiInterface } from "@netbind/kubevirt";
import { memoryOverheadBytes, renderPod } from "@netbind/kubevirt/pod";
import { mergeNeeds } from "@netbind/engine";
import { expect, test } from "vitest";

const MIB = 1024 * 1024;
const aVmi = (...interfaces: readonly VmiInterface[]): Vmi => ({
  apiVersion: "kubevirt.io/v1",
  kind: "VirtualMachineInstance",
  metadata: { name: "vm", namespace: "ns" },
  spec: {
    domain: { devices: { interfaces } },
    networks: interfaces.map(({ name }) => ({ name, multus: { networkName: "sriov" } })),
  },
});
const CONFIGURATION = { network: { binding: { p: { computeResourceOverhead: { requests: { memory: "1Mi" } } } } } };

const render = (version: KubevirtMinor) =>
  renderPod({
    vmi: aVmi({ name: "a", sriov: {} }),
    configuration: {},
    version,
    sidecars: [],
    needs: mergeNeeds([
      {
        pod: {
          annotations: {
            "istio.io/reroute-virtual-interfaces": "b",
            "traffic.sidecar.istio.io/kubevirtInterfaces": "b",
          },
        },
      },
    ]),
    nads: [
      { metadata: { name: "sriov", namespace: "ns", annotations: { "k8s.v1.cni.cncf.io/resourceName": "r/vf" } } },
    ],
  });

test("memory: passt by the key of its version, registrations since 1.3", () => {
  const bytes = (version: KubevirtMinor, ...interfaces: readonly VmiInterface[]): number =>
    Number(memoryOverheadBytes(aVmi(...interfaces), CONFIGURATION, version));
  const old: readonly VmiInterface[] = [
    { name: "a", passt: {} },
    { name: "b", passt: {}, ports: [{ port: 80 }] },
  ];
  expect([1, 2, 3].map((version) => bytes(version as KubevirtMinor, ...old) / MIB)).toEqual([800, 800, 0]);
  expect([7, 8].map((version) => bytes(version as KubevirtMinor, { name: "a", passtBinding: {} }) / MIB)).toEqual([
    0, 250,
  ]);
  expect(
    [2, 3, 9].map((version) => bytes(version as KubevirtMinor, { name: "a", binding: { name: "p" } }) / MIB),
  ).toEqual([0, 1, 1]);
});

test("a device is told by a map of PCI addresses until 1.2, by network-info since", () => {
  const volumes = (version: KubevirtMinor) => render(version).spec.volumes.map(({ name }) => name);
  expect(volumes(2)).toEqual(["network-pci-map-annotation"]);
  expect(volumes(3)).toEqual(["network-info-annotation"]);
  expect(JSON.stringify(render(2).spec.volumes)).toContain("metadata.annotations['kubevirt.io/network-pci-map']");
});

test("a network's device is requested and limited, until an injector does that", () => {
  expect(render(8).spec.containers[0]?.resources).toMatchObject({ requests: { "r/vf": "1" }, limits: { "r/vf": "1" } });
  expect(render(9).spec.containers[0]?.resources).toEqual({
    limits: { "devices.kubevirt.io/tun": "1", "devices.kubevirt.io/vhost-net": "1" },
  });
});

test("a mesh is told by its second annotation since 1.7", () => {
  const keys = (version: KubevirtMinor): readonly string[] =>
    Object.keys(render(version).metadata.annotations).filter((key) => key.includes("istio"));
  expect(keys(6)).toEqual(["traffic.sidecar.istio.io/kubevirtInterfaces"]);
  expect(keys(7)).toHaveLength(2);
});
