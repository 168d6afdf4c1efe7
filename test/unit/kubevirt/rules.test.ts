/** Every rule, with a VM that breaks it at one place. */
import { type GuestSetup, RULES, type Surroundings, validateVmi } from "@netbind/kubevirt/admission";
import type {
  KubevirtConfiguration,
  KubevirtMinor,
  NetworkAttachmentDefinition,
  Vmi,
  VmiInterface,
  VmiNetwork,
} from "@netbind/kubevirt";
import { expect, test } from "vitest";

/** A VM on the pod network, changed, and the cluster that it goes to. */
interface Broken {
  /** The first interface, `n0`, on the pod network unless `networks` says otherwise. */
  readonly nic?: Partial<VmiInterface>;
  readonly interfaces?: readonly VmiInterface[];
  readonly networks?: readonly VmiNetwork[];
  readonly spec?: Partial<Vmi["spec"]>;
  readonly metadata?: Partial<Vmi["metadata"]>;
  readonly configuration?: KubevirtConfiguration;
  readonly version?: KubevirtMinor;
  readonly nads?: readonly NetworkAttachmentDefinition[];
  /** What the plugin `p` says of migration. Absent: nobody can ask it. */
  readonly described?: "none" | "supported";
  readonly surroundings?: Surroundings;
  /** Where it is told. */
  readonly at: string;
}

const I = "spec.domain.devices.interfaces";
const POD: VmiNetwork = { name: "n0", pod: {} };
const MULTUS: VmiNetwork = { name: "n0", multus: { networkName: "a" } };
const CLAIM: VmiNetwork = { name: "n0", resourceClaim: { claimName: "c", requestName: "r" } };
const gates = (...featureGates: readonly string[]): KubevirtConfiguration => ({
  developerConfiguration: { featureGates },
});
const DRA = gates("NetworkDevicesWithDRA");
const RANGES = gates("PortRangesSpec");
const register = (plugin: object): KubevirtConfiguration => ({ network: { binding: { p: plugin } } });
const PLUGIN: Partial<VmiInterface> = { masquerade: undefined as never, binding: { name: "p" } };
const only = (method: Partial<VmiInterface>): Partial<VmiInterface> => ({ masquerade: undefined as never, ...method });
const range = (start: number, end: number, protocol = "TCP"): { protocol: string; start: number; end: number } => ({
  protocol,
  start,
  end,
});
const nad = (name: string, type: string): NetworkAttachmentDefinition => ({
  metadata: { name, namespace: "ns" },
  spec: { config: JSON.stringify({ plugins: [{ type: "tuning" }, { type }] }) },
});
/** A definition of one CNI plugin, without IPAM unless `rest` has it. */
const layer2 = (type: string, rest: object = {}): NetworkAttachmentDefinition => ({
  metadata: { name: "a", namespace: "ns" },
  spec: { config: JSON.stringify({ cniVersion: "1.0.0", type, ipam: {}, ...rest }) },
});
const withResource = (definition: NetworkAttachmentDefinition, resource: string): NetworkAttachmentDefinition => ({
  ...definition,
  metadata: { ...definition.metadata, annotations: { "k8s.v1.cni.cncf.io/resourceName": resource } },
});
/** A cloud-init volume, and what it says. */
const cloudInit = (networkData: unknown, userData = ""): Pick<Broken, "spec" | "surroundings"> => ({
  spec: { volumes: [{ name: "c", cloudInitNoCloud: { networkData: "..." } }] },
  surroundings: { guestSetupOf: (): GuestSetup => ({ networkData, userData }) },
});
const ethernets = (entries: object): object => ({ version: 2, ethernets: entries });
const NETWORK_DATA = "spec.volumes[0].cloudInitNoCloud.networkData";
const SSH = { ports: [{ name: "ssh", port: 22 }] };
const WEB = { namespace: "ns", name: "web", selector: { app: "web" }, ports: [{ protocol: "TCP", targetPort: 8080 }] };
const second = (nic: Partial<VmiInterface> = {}): readonly VmiInterface[] => [
  { name: "n0", masquerade: {} },
  { name: "n1", bridge: {}, ...nic },
];

const BROKEN: Readonly<Record<string, Broken>> = {
  "NAME-1": { metadata: { name: "A_b" }, at: "metadata.name" },
  "CLOUD-1": {
    spec: { volumes: [{ name: "v", cloudInitNoCloud: { networkData: "x".repeat(2049) } }] },
    at: "spec.volumes[0].cloudInitNoCloud.networkData",
  },
  "DEFAULT-1": {
    interfaces: [],
    networks: [],
    configuration: { network: { defaultNetworkInterface: "slirp" } },
    at: I,
  },
  "DISK-1": {
    spec: { domain: { devices: { interfaces: [{ name: "n0", masquerade: {} }], disks: [{ name: "../x" }] } } },
    at: "spec.domain.devices.disks[0].name",
  },
  "DISK-2": { spec: { volumes: [{ name: "v" }, { name: "v" }] }, at: "spec.volumes[1].name" },
  "VOL-1": { spec: { volumes: [{ name: "../../x" }] }, at: "spec.volumes[0].name" },
  "VOL-2": { spec: { volumes: [{ name: "v", configMap: { name: "../x" } }] }, at: "spec.volumes[0].configMap.name" },
  "PROBE-1": {
    nic: only({ bridge: {} }),
    networks: [MULTUS],
    spec: { readinessProbe: { httpGet: {} } },
    at: "spec.readinessProbe.httpGet",
  },
  "NET-1": { interfaces: second(), networks: [POD, { name: "n1", pod: {} }], at: "spec.networks[1].pod" },
  "NET-2": {
    interfaces: second(),
    networks: [
      { name: "n0", multus: { networkName: "a", default: true } },
      { name: "n1", multus: { networkName: "b", default: true } },
    ],
    at: "spec.networks",
  },
  "NET-3": {
    interfaces: second(),
    networks: [POD, { name: "n1", multus: { networkName: "a", default: true } }],
    at: "spec.networks",
  },
  "NET-4": { networks: [{ name: "n0" }], at: "spec.networks[0]" },
  "NET-5": { networks: [{ ...POD, multus: { networkName: "a" } }], at: "spec.networks[0]" },
  "NET-6": {
    nic: only({ bridge: {} }),
    networks: [{ name: "n0", multus: { networkName: "" } }],
    at: "spec.networks[0]",
  },
  "NET-7": { networks: [POD, MULTUS], at: "spec.networks[1].name" },
  "MAP-1": { networks: [POD, { name: "n1", multus: { networkName: "a" } }], at: "spec.networks[1].name" },
  "IF-1": {
    interfaces: [
      { name: "n0", masquerade: {} },
      { name: "n0", bridge: {} },
    ],
    at: `${I}[1].name`,
  },
  "MAP-2": { interfaces: second(), at: `${I}[1].name` },
  "CRD-1": { networks: Array.from({ length: 257 }, () => POD), at: "spec.networks" },
  "DISC-1": { nic: only({ slirp: {} }), at: `${I}[0].slirp` },
  "DISC-2": { nic: only({ passt: {} }), at: `${I}[0].passt` },
  "DISC-3": { nic: only({ macvtap: {} }), at: `${I}[0].macvtap` },
  "FG-1-passt": { nic: only({ passt: {} }), configuration: gates("Passt"), at: `${I}[0].passt` },
  "FG-1-macvtap": { nic: only({ macvtap: {} }), configuration: gates("Macvtap"), at: `${I}[0].macvtap` },
  "BIND-1": { nic: { bridge: {} }, at: `${I}[0]` },
  "BIND-1-old": { nic: { binding: { name: "p" } }, version: 8, at: `${I}[0].binding` },
  "BIND-2": { networks: [MULTUS], at: `${I}[0].name` },
  "BIND-3": { nic: { macAddress: "02:00:00:00:00:00" }, at: `${I}[0].macAddress` },
  "BIND-4": {
    nic: only({ bridge: {} }),
    configuration: { network: { permitBridgeInterfaceOnPodNetwork: false } },
    at: `${I}[0].name`,
  },
  "PASST-1": { nic: only({ passtBinding: {} }), version: 8, at: `${I}[0].name` },
  "PASST-2": { nic: only({ passtBinding: {} }), networks: [MULTUS], at: `${I}[0].name` },
  "OLD-1": { nic: only({ slirp: {} }), networks: [MULTUS], version: 3, at: `${I}[0].name` },
  "OLD-2": { nic: only({ slirp: {} }), version: 2, at: `${I}[0].name` },
  "OLD-3": { nic: only({ macvtap: {} }), networks: [MULTUS], version: 1, at: `${I}[0].name` },
  "OLD-4": { nic: only({ macvtap: {} }), configuration: gates("Macvtap"), version: 1, at: `${I}[0].name` },
  "OLD-5": { nic: only({ passt: {} }), version: 1, at: `${I}[0].name` },
  "OLD-6": {
    nic: only({ passt: {} }),
    networks: [MULTUS],
    configuration: gates("Passt"),
    version: 1,
    at: `${I}[0].name`,
  },
  "OLD-7": {
    interfaces: [
      { name: "n0", passt: {} },
      { name: "n1", bridge: {} },
    ],
    networks: [POD, { name: "n1", multus: { networkName: "a" } }],
    configuration: gates("Passt"),
    version: 2,
    at: `${I}[0].name`,
  },
  "OLD-8": { nic: PLUGIN, version: 4, at: `${I}[0].name` },
  "DRA-1": { nic: only({ sriov: {} }), networks: [CLAIM], at: "spec.networks" },
  "DRA-2": {
    interfaces: second(),
    networks: [CLAIM, { name: "n1", multus: { networkName: "a" } }],
    configuration: DRA,
    at: "spec.networks",
  },
  "DRA-3": { nic: only({ bridge: {} }), networks: [CLAIM], configuration: DRA, at: `${I}[0]` },
  "DRA-4": {
    nic: only({ sriov: {} }),
    networks: [{ name: "n0", resourceClaim: { requestName: "r" } }],
    configuration: DRA,
    at: "spec.networks[0].resourceClaim.claimName",
  },
  "DRA-5": {
    nic: only({ sriov: {} }),
    networks: [{ name: "n0", resourceClaim: { claimName: "c" } }],
    configuration: DRA,
    at: "spec.networks[0].resourceClaim.requestName",
  },
  "DRA-6": {
    nic: only({ sriov: {} }),
    networks: [CLAIM],
    configuration: DRA,
    at: "spec.networks[0].resourceClaim.claimName",
  },
  "DRA-7": {
    interfaces: [
      { name: "n0", sriov: {} },
      { name: "n1", sriov: {} },
    ],
    networks: [CLAIM, { ...CLAIM, name: "n1" }],
    spec: { resourceClaims: [{ name: "c" }] },
    configuration: DRA,
    at: "spec.networks[1]",
  },
  "DRA-8": {
    nic: only({ sriov: {} }),
    networks: [CLAIM],
    spec: {
      domain: { devices: { hostDevices: [{}, { claimName: "c", requestName: "r" }] } },
      resourceClaims: [{ name: "c", resourceClaimName: "x" }],
    },
    configuration: DRA,
    at: "spec.networks[0]",
  },
  "DRA-9": { spec: { resourceClaims: [{ name: "c" }] }, at: "spec.resourceClaims[0]" },
  "IF-2": { nic: { name: "a b" }, networks: [{ name: "a b", pod: {} }], at: `${I}[0].name` },
  "IF-3": { nic: { model: "igb" }, version: 3, at: `${I}[0].model` },
  "IF-4": { nic: { macAddress: "02:00:00:00:00:00:00:01" }, at: `${I}[0].macAddress` },
  "IF-5": { nic: { pciAddress: "0000:81:01.10" }, at: `${I}[0].pciAddress` },
  "ST-1": { nic: { state: "down" }, version: 4, at: `${I}[0].state` },
  "ST-2": { nic: only({ sriov: {}, state: "up" }), at: `${I}[0].state` },
  "ST-3": { interfaces: [{ name: "n0", masquerade: {}, state: "absent" }], at: `${I}[0].state` },
  "ST-4": { nic: only({ bridge: {}, state: "absent" }), at: `${I}[0].state` },
  "BOOT-1": { nic: { bootOrder: 0 }, at: `${I}[0].bootOrder` },
  "BOOT-2": { interfaces: second({ bootOrder: 1 }).map((nic) => ({ ...nic, bootOrder: 1 })), at: `${I}[1].bootOrder` },
  "BOOT-3": {
    nic: { bootOrder: 1 },
    spec: { domain: { devices: {}, launchSecurity: {} } },
    at: "spec.domain.launchSecurity",
  },
  "PORT-1": {
    nic: {
      ports: [
        { name: "a", port: 1 },
        { name: "a", port: 2 },
      ],
    },
    at: `${I}[0].ports[1].name`,
  },
  "PORT-2": { nic: { ports: [{ name: "1", port: 1 }] }, at: `${I}[0].ports[0].name` },
  "PORT-3": { nic: { ports: [{ port: 0 }] }, at: `${I}[0].ports[0].port` },
  "PORT-4": { nic: { ports: [{ port: 65_536 }] }, at: `${I}[0].ports[0].port` },
  "PORT-5": { nic: { ports: [{ port: 1, protocol: "tcp" }] }, at: `${I}[0].ports[0].protocol` },
  "RANGE-1": { nic: { portRanges: [range(1, 2)] }, at: `${I}[0].name` },
  "RANGE-2": { nic: { ports: [], portRanges: [range(1, 2)] }, configuration: RANGES, at: `${I}[0].name` },
  "RANGE-3": { nic: only({ bridge: {}, portRanges: [range(1, 2)] }), configuration: RANGES, at: `${I}[0].name` },
  "RANGE-4": {
    nic: { portRanges: Array.from({ length: 11 }, (_, at) => range(at + 1, at + 1)) },
    configuration: RANGES,
    at: `${I}[0].portRanges`,
  },
  "RANGE-5": { nic: { portRanges: [range(1, 2, "")] }, configuration: RANGES, at: `${I}[0].portRanges[0].protocol` },
  "RANGE-6": { nic: { portRanges: [range(0, 2)] }, configuration: RANGES, at: `${I}[0].portRanges[0].start` },
  "RANGE-7": { nic: { portRanges: [range(1, 65_536)] }, configuration: RANGES, at: `${I}[0].portRanges[0].end` },
  "RANGE-8": { nic: { portRanges: [range(2, 1)] }, configuration: RANGES, at: `${I}[0].portRanges[0].start` },
  "RANGE-9": { nic: { portRanges: [range(1, 5), range(5, 9)] }, configuration: RANGES, at: `${I}[0].portRanges` },
  "DHCP-1": {
    nic: { dhcpOptions: { privateOptions: [224, 224].map((option) => ({ option, value: "a" })) } },
    at: `${I}[0].dhcpOptions.privateOptions[1].option`,
  },
  "DHCP-2": {
    nic: { dhcpOptions: { privateOptions: [{ option: 255, value: "a" }] } },
    at: `${I}[0].dhcpOptions.privateOptions[0].option`,
  },
  "DHCP-3": { nic: { dhcpOptions: { ntpServers: ["::1"] } }, at: `${I}[0].dhcpOptions.ntpServers[0]` },
  "CIDR-1": {
    networks: [{ name: "n0", pod: { vmNetworkCIDR: "10.0.0.0/31" } }],
    at: "spec.networks[0].pod.vmNetworkCIDR",
  },
  "CIDR-2": {
    networks: [{ name: "n0", pod: { vmIPv6NetworkCIDR: "10.0.0.0/24" } }],
    at: "spec.networks[0].pod.vmIPv6NetworkCIDR",
  },
  "MAC-1": {
    interfaces: second().map((nic) => ({ ...nic, macAddress: "02:00:00:00:00:01" })),
    at: `${I}[1].macAddress`,
  },
  "MAC-2": { nic: { macAddress: "01:00:5e:00:00:01" }, at: `${I}[0].macAddress` },
  "MAC-3": { nic: { macAddress: "0200.0000.0000" }, at: `${I}[0].macAddress` },
  "DHCP-4": { nic: { dhcpOptions: { bootFileName: "a\nb" } }, at: `${I}[0].dhcpOptions.bootFileName` },
  "ACPI-1": { nic: { acpiIndex: 16_384 }, at: `${I}[0].acpiIndex` },
  "BIND-5": { nic: only({}), version: 8, at: `${I}[0]` },
  "CNI-1": { nic: only({ bridge: {} }), networks: [MULTUS], nads: [nad("a", "macvlan")], at: `${I}[0].bridge` },
  "DNS-1": { spec: { dnsConfig: { searches: ["a,b"] } }, at: "spec.dnsConfig.searches[0]" },
  "DNS-2": { spec: { hostname: "a.b" }, at: "spec.hostname" },
  "REG-1": { nic: PLUGIN, at: `${I}[0].binding.name` },
  "REG-2": { nic: PLUGIN, configuration: register({ domainAttachmentType: "Tap" }), at: `${I}[0].binding.name` },
  "REG-3": {
    nic: PLUGIN,
    configuration: register({ sidecarImage: "i", migration: { method: "x" } }),
    at: `${I}[0].binding.name`,
  },
  "REG-4": {
    nic: PLUGIN,
    configuration: register({ sidecarImage: "i", downwardAPI: "x" }),
    at: `${I}[0].binding.name`,
  },
  "REG-5": { nic: PLUGIN, configuration: register({}), at: `${I}[0].binding.name` },
  "REG-6": {
    nic: PLUGIN,
    configuration: { ...gates("NetworkBindingPlugins"), ...register({ sidecarImage: "i", migration: {} }) },
    version: 1,
    at: `${I}[0].binding.name`,
  },
  "REG-7": {
    nic: PLUGIN,
    configuration: register({ sidecarImage: "i", domainAttachmentType: "managedTap" }),
    at: `${I}[0].binding.name`,
  },
  "REG-8": {
    nic: PLUGIN,
    configuration: register({ domainAttachmentType: "managedTap" }),
    described: "none",
    at: `${I}[0].binding.name`,
  },
  "REG-9": {
    nic: PLUGIN,
    configuration: register({ sidecarImage: "i", migration: {} }),
    described: "none",
    at: `${I}[0].binding.name`,
  },
  "REG-10": {
    nic: PLUGIN,
    configuration: register({ sidecarImage: "i", computeResourceOverhead: { limits: { memory: "1Mi" } } }),
    at: `${I}[0].binding.name`,
  },
  "GATE-1": { nic: only({ bridge: {}, state: "absent" }), version: 3, at: `${I}[0].state` },
  "FIELD-1": { nic: { portRanges: [range(1, 2)] }, version: 8, at: `${I}[0].portRanges` },
  "FIELD-2": { nic: only({ bridge: {}, ports: [{ port: 1 }] }), at: `${I}[0].ports` },
  "MACVTAP-1": { nic: only({ binding: { name: "macvtap" } }), networks: [MULTUS], at: `${I}[0]` },
  "MESH-1": {
    nic: only({ bridge: {} }),
    metadata: { annotations: { "sidecar.istio.io/inject": "True" } },
    at: `${I}[0].bridge`,
  },
  "NAD-1": { nic: only({ bridge: {} }), networks: [MULTUS], nads: [], at: "spec.networks[0].multus.networkName" },
  "NAD-2": {
    nic: PLUGIN,
    configuration: register({ sidecarImage: "i", networkAttachmentDefinition: "b" }),
    nads: [nad("b", "bridge")],
    at: `${I}[0].binding.name`,
  },
  "QUEUE-2": {
    nic: { model: "e1000" },
    spec: { domain: { devices: { networkInterfaceMultiqueue: true } } },
    at: "spec.domain.devices.networkInterfaceMultiqueue",
  },
  "CNI-2": { nic: only({ sriov: {} }), networks: [MULTUS], nads: [layer2("bridge")], at: `${I}[0].sriov` },
  "CNI-3": { nic: only({ bridge: {} }), networks: [MULTUS], nads: [layer2("sriov")], at: `${I}[0].bridge` },
  "CNI-4": {
    nic: PLUGIN,
    networks: [MULTUS],
    configuration: register({ domainAttachmentType: "tap" }),
    nads: [layer2("macvlan")],
    at: `${I}[0].binding.name`,
  },
  "DEV-1": {
    nic: only({ sriov: {} }),
    networks: [MULTUS],
    nads: [layer2("sriov")],
    at: "spec.networks[0].multus.networkName",
  },
  "DEV-2": {
    nic: only({ binding: { name: "macvtap" } }),
    networks: [MULTUS],
    nads: [withResource(layer2("macvtap"), "macvtap.network.kubevirt.io/b")],
    surroundings: { deviceSettings: { DP_MACVTAP_CONF: '[{"name":"a","lowerDevice":"eth1"}]' } },
    at: "spec.networks[0].multus.networkName",
  },
  "IPAM-1": {
    nic: only({ bridge: {} }),
    networks: [MULTUS],
    nads: [layer2("bridge")],
    at: "spec.networks[0].multus.networkName",
  },
  "IPAM-2": {
    nic: only({ bridge: {} }),
    networks: [{ name: "n0", multus: { networkName: "a", default: true } }],
    nads: [layer2("bridge")],
    at: "spec.networks[0].multus.networkName",
  },
  "MAC-4": {
    nic: only({ bridge: {}, macAddress: "02-00-00-00-00-0A" }),
    networks: [MULTUS],
    surroundings: { macOwners: new Map([["ns/a 02:00:00:00:00:0a", "ns/other"]]) },
    at: `${I}[0].macAddress`,
  },
  "MAC-5": { nic: only({ bridge: {}, macAddress: "02:00:00:00:00:01" }), at: `${I}[0].macAddress` },
  "PROBE-2": {
    nic: SSH,
    spec: { readinessProbe: { tcpSocket: { port: 8080 } } },
    at: "spec.readinessProbe.tcpSocket.port",
  },
  "PORT-6": {
    nic: SSH,
    metadata: { labels: { app: "web" } },
    surroundings: { services: [WEB] },
    at: `${I}[0].ports`,
  },
  "CLOUD-2": { ...cloudInit(ethernets({ enp1s0: { addresses: ["192.0.2.5/24"] } })), at: NETWORK_DATA },
  "CLOUD-3": { ...cloudInit(ethernets({ a: { match: { macaddress: "02:00:00:00:00:01" } } })), at: NETWORK_DATA },
  "NET-8": { metadata: { annotations: { "v1.multus-cni.io/default-network": "ns/a" } }, at: "metadata.annotations" },
  "MESH-2": { metadata: { labels: { "sidecar.istio.io/inject": "true" } }, at: "metadata.labels" },
  "QUEUE-1": {
    spec: {
      domain: {
        cpu: { cores: 160 },
        devices: { networkInterfaceMultiqueue: true, interfaces: [{ name: "n0", masquerade: {} }] },
      },
    },
    at: "spec.domain.devices.networkInterfaceMultiqueue",
  },
};

function vmiOf({ nic, interfaces = [{ name: "n0", masquerade: {}, ...nic }], networks, spec, metadata }: Broken): Vmi {
  const pairs = networks ?? [POD];
  const given = spec?.domain ?? { devices: {} };
  return {
    apiVersion: "kubevirt.io/v1",
    kind: "VirtualMachineInstance",
    metadata: { name: "vm", namespace: "ns", ...metadata },
    spec: { ...spec, domain: { ...given, devices: { ...given.devices, interfaces } }, networks: pairs },
  };
}

const judge = (broken: Broken): readonly { readonly id: string; readonly field: string }[] => {
  const { configuration = {}, version = 9, nads, described, surroundings = {} } = broken;
  const plain = JSON.parse(JSON.stringify(vmiOf(broken))) as Vmi;
  const bindings = described === undefined ? {} : { described: new Map([["p", { migration: described }]]) };
  return validateVmi(plain, {
    configuration,
    version,
    surroundings,
    ...bindings,
    ...(nads === undefined ? {} : { nads }),
  }).map(({ rule, field }) => ({
    id: rule.id,
    field,
  }));
};

test("every rule has a VM that breaks it, and there is no other rule", () => {
  expect(Object.keys(BROKEN).sort()).toEqual(RULES.map(({ id }) => id).sort());
});

for (const [id, broken] of Object.entries(BROKEN))
  test(`${id} is told at its place`, () =>
    expect(judge(broken).filter((finding) => finding.id === id)).toEqual([{ id, field: broken.at }]));

test("a good VM breaks none, in any version that knows what it says", () => {
  for (const version of [1, 2, 3, 4, 5, 6, 7, 8, 9] as const)
    expect(judge({ version, at: "" }), String(version)).toEqual([]);
});

test("up to 1.2 an interface is told its first fault only", () => {
  const nic = { macAddress: "02:00:00:00:00:00" };
  const ids = (version: KubevirtMinor): readonly string[] =>
    judge({ nic, networks: [MULTUS], version, at: "" }).map(({ id }) => id);
  expect(ids(2)).toEqual(["BIND-2"]);
  expect(ids(3)).toEqual(["BIND-2", "BIND-3"]);
});

test("bridge is told of a CNI plugin that it does not work with however it is named, and managedTap as well", () => {
  const found = (nic: Partial<VmiInterface>, configuration: KubevirtConfiguration = {}): readonly string[] =>
    validateVmi(vmiOf({ nic: only(nic), networks: [MULTUS], at: "" }), { configuration, nads: [nad("a", "ipvlan")] })
      .filter(({ rule }) => rule.id === "CNI-1")
      .map(({ field, problem }) => `${field}: ${problem}`);
  const problem = "does not work on a network of the CNI plugin ipvlan";
  expect(found({ bridge: {} })).toEqual([`${I}[0].bridge: bridge ${problem}`]);
  expect(found({ binding: { name: "bridge" } })).toEqual([`${I}[0].binding.name: bridge ${problem}`]);
  expect(found({ binding: { name: "p" } }, register({ domainAttachmentType: "managedTap" }))).toEqual([
    `${I}[0].binding.name: p ${problem}`,
  ]);
  expect(found({ binding: { name: "p" } }, register({ domainAttachmentType: "tap" }))).toEqual([]);
});

test("the default network is the first that could be: only its interface may not be absent", () => {
  const interfaces = second({ state: "absent" });
  const networks = [POD, { name: "n1", multus: { networkName: "a", default: true } }];
  expect(judge({ interfaces, networks, at: "" }).map(({ id }) => id)).toEqual(["NET-3"]);
  expect(judge({ interfaces, networks: [...networks].reverse(), at: "" }).map(({ id }) => id)).toEqual([
    "NET-3",
    "ST-4",
  ]);
});

test("a link state has an effect where KubeVirt writes the NIC itself", () => {
  const reported = (nic: Partial<VmiInterface>, plugin?: object): readonly string[] => {
    const binding = plugin === undefined ? {} : { p: plugin };
    return validateVmi(vmiOf({ nic: only(nic), at: "" }), { configuration: { network: { binding } } })
      .filter(({ rule }) => rule.id === "FIELD-2")
      .map(({ field, problem }) => `${field}: ${problem}`);
  };
  const down = (name: string): Partial<VmiInterface> => ({ binding: { name }, state: "down" });
  const says = (name: string): readonly string[] => [
    `${I}[0].state: state has no effect: KubeVirt sets the link of NICs that it writes itself only, and ${name} writes its own`,
  ];
  for (const name of ["passt", "slirp"]) expect(reported(down(name)), name).toEqual(says(name));
  expect(reported(down("p"), { sidecarImage: "i" })).toEqual(says("p"));
  expect(reported({ ...down("p"), state: "up" }, { sidecarImage: "i" })).toEqual([]);
  for (const domainAttachmentType of ["tap", "managedTap"]) {
    expect(reported(down("p"), { sidecarImage: "i", domainAttachmentType })).toEqual([]);
    expect(reported(down("p"), { domainAttachmentType })).toEqual([]);
  }
  expect(reported({ masquerade: {}, state: "down" })).toEqual([]);
});

test("a registration's migration and what its binding says of it: each mismatch is told, where KubeVirt reads it", () => {
  const reported = (
    described: "none" | "supported" | "link-refresh",
    migration?: object | null,
    networks?: readonly VmiNetwork[],
  ): string => {
    const broken: Broken = { nic: only(PLUGIN), ...(networks === undefined ? {} : { networks }), at: "" };
    const plugin = {
      sidecarImage: "i",
      domainAttachmentType: "tap",
      ...(migration === undefined ? {} : { migration }),
    };
    const found = validateVmi(vmiOf(broken), {
      configuration: register(plugin),
      described: new Map([["p", { migration: described }]]),
    });
    return found.flatMap(({ rule, problem, fix }) => (rule.id === "REG-9" ? [`${problem}; ${fix}`] : [])).join();
  };
  const refresh = { method: "link-refresh" };
  expect(reported("none", {})).toMatch(
    /with migration and cannot be migrated .* lose the network; register no migration under .*binding\.p /,
  );
  expect(reported("none", refresh)).toMatch(/with migration and cannot be migrated/);
  expect(reported("supported")).toMatch(/without migration and can be migrated.*; register migration: \{\} under/);
  expect(reported("supported", null)).toMatch(/without migration/);
  expect(reported("link-refresh", {})).toMatch(
    /without the migration method link-refresh.*; register migration: \{method: link-refresh\}/,
  );
  for (const fits of [
    reported("none"),
    reported("none", null),
    reported("supported", {}),
    reported("supported", refresh),
    reported("link-refresh", refresh),
  ])
    expect(fits).toBe("");
  // On another network KubeVirt migrates whatever is registered.
  expect(reported("none", {}, [MULTUS])).toBe("");
  // A plugin that is not registered, or that nobody can ask.
  expect(judge({ nic: only(PLUGIN), described: "supported", at: "" }).map(({ id }) => id)).toEqual(["REG-1"]);
});

test("managedTap of a binding that Netbind serves never starts, with an image or without; of others the image decides", () => {
  const ids = (plugin: object, described?: "none"): readonly string[] =>
    judge({
      nic: only(PLUGIN),
      configuration: register({ domainAttachmentType: "managedTap", ...plugin }),
      ...(described === undefined ? {} : { described }),
      at: "",
    }).map(({ id }) => id);
  expect(ids({ sidecarImage: "i" }, "none")).toEqual(["REG-8"]);
  expect(ids({}, "none")).toEqual(["REG-8"]);
  expect(ids({ sidecarImage: "i" })).toEqual(["REG-7"]);
  expect(ids({})).toEqual([]);
});
