import { type Broken, I, only, range, RANGES, second } from "./broken-vm.ts";

/** A VM for each rule about what an interface says. */
export const BROKEN_INTERFACES: Readonly<Record<string, Broken>> = {
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
};
