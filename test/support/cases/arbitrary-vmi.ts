/** VMIs as people write them, right and wrong, of the shape that the schema asks. */
import type { KubevirtConfiguration, Vmi, VmiInterface, VmiNetwork } from "@netbind/kubevirt";
import fc from "fast-check";

const NAMES = ["default", "blue", "red", "Net_A", "net-1", "a b", ""] as const;
const name = fc.constantFrom(...NAMES);
const text = fc.oneof(fc.string({ maxLength: 6 }), fc.constantFrom("a\nb", '"', "ü", "x".repeat(300)));
const port = fc.integer({ min: -1, max: 70_000 });
const protocol = fc.constantFrom("TCP", "UDP", "tcp", "");
const optional: { requiredKeys: [] } = { requiredKeys: [] };

const method = fc.constantFrom<Partial<VmiInterface>>(
  { bridge: {} },
  { masquerade: {} },
  { sriov: {} },
  { slirp: {} },
  { passtBinding: {} },
  { macvtap: {} },
  { binding: { name: "passt" } },
  { binding: { name: "toString" } },
  { bridge: {}, masquerade: {} },
  {},
);
const options = fc.record(
  {
    bootFileName: text,
    ntpServers: fc.array(fc.constantFrom("10.0.0.1", "::ffff:1.2.3.4", "ntp", "010.0.0.1"), { maxLength: 2 }),
    privateOptions: fc.array(fc.record({ option: fc.integer({ min: 222, max: 256 }), value: text }), { maxLength: 3 }),
  },
  optional,
);
const fields = fc.record(
  {
    model: fc.constantFrom("virtio", "e1000", "igb", "vmxnet3", ""),
    macAddress: fc.constantFrom("02:00:00:00:00:01", "02-00-00-00-00-00", "01:00:00:00:00:00", "zz", ""),
    pciAddress: fc.constantFrom("0000:81:01.1", "81:01.1"),
    bootOrder: fc.integer({ min: 0, max: 3 }),
    acpiIndex: fc.integer({ min: -1, max: 17_000 }),
    state: fc.constantFrom("up", "down", "absent", "gone", ""),
    ports: fc.array(fc.record({ name: fc.constantFrom("a", "A", ""), port, protocol }, { requiredKeys: ["port"] }), {
      maxLength: 3,
    }),
    portRanges: fc.array(fc.record({ protocol, start: port, end: port }), { maxLength: 12 }),
    dhcpOptions: options,
  },
  optional,
);
const nic = fc
  .tuple(name, method, fields)
  .map(([given, binding, rest]): VmiInterface => ({ name: given, ...binding, ...rest }));

const source = fc.constantFrom<Partial<VmiNetwork>>(
  { pod: {} },
  { pod: { vmNetworkCIDR: "10.0.0.0/31" } },
  { pod: { vmNetworkCIDR: "010.1.2.3/08", vmIPv6NetworkCIDR: "10.0.0.0/24" } },
  { multus: { networkName: "ns/a" } },
  { multus: { networkName: "" } },
  { multus: { networkName: "b", default: true } },
  { resourceClaim: { claimName: "c" } },
  { pod: {}, multus: { networkName: "a" } },
  {},
);
const network = fc.tuple(name, source).map(([given, rest]): VmiNetwork => ({ name: given, ...rest }));

/** A VMI, in which names often pair. */
export const arbitraryVmi: fc.Arbitrary<Vmi> = fc
  .record({
    interfaces: fc.array(nic, { maxLength: 4 }),
    networks: fc.array(network, { maxLength: 4 }),
    multiqueue: fc.boolean(),
    annotations: fc.constantFrom(
      {},
      { "sidecar.istio.io/inject": "true" },
      { "hooks.kubevirt.io/hookSidecars": "[{}]" },
    ),
  })
  .map(({ interfaces, networks, multiqueue, annotations }) => ({
    apiVersion: "kubevirt.io/v1",
    kind: "VirtualMachineInstance",
    metadata: { name: "vm", namespace: "ns", labels: {}, annotations },
    spec: { domain: { cpu: { cores: 2 }, devices: { interfaces, networkInterfaceMultiqueue: multiqueue } }, networks },
  }));

/** A KubeVirt CR's configuration. */
export const arbitraryConfiguration: fc.Arbitrary<KubevirtConfiguration> = fc.constantFrom<KubevirtConfiguration>(
  {},
  { network: { defaultNetworkInterface: "masquerade" } },
  { network: { defaultNetworkInterface: "slirp", permitBridgeInterfaceOnPodNetwork: false } },
  {
    network: {
      permitBridgeInterfaceOnPodNetwork: false,
      binding: { passt: { sidecarImage: "r/passt", downwardAPI: "device-info" } },
    },
  },
  {
    developerConfiguration: {
      featureGates: ["PortRangesSpec", "NetworkDevicesWithDRA"],
      disabledFeatureGates: ["PasstBinding"],
    },
    network: {
      binding: { passt: { domainAttachmentType: "managedTap", networkAttachmentDefinition: "n", migration: {} } },
    },
  },
);
