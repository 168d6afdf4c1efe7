import type { Attachment } from "@netbind/contract";

/** An attachment as masquerade's simplest VM has it. */
export const anAttachment = (change: Partial<Attachment> = {}): Attachment => ({
  name: "red",
  network: { kind: "pod" },
  model: "virtio",
  virtioTransitional: false,
  ports: [],
  dhcpOptions: { ntpServers: [], privateOptions: [] },
  state: "up",
  mesh: false,
  cause: "boot",
  mac: "02:11:22:33:44:55",
  index: 0,
  queues: 0,
  allocatedDevices: [],
  pod: {
    name: "eth0",
    mac: "02:00:00:00:aa:01",
    mtu: 1450,
    addresses: ["10.244.0.2/24"],
    routes: [{ destination: "0.0.0.0/0", gateway: "10.244.0.1" }],
  },
  names: { pod: "eth0", tap: "tap0", bridge: "k6t-eth0", adopted: "eth0-nic" },
  resolvConf: { nameservers4: ["10.96.0.10"], nameservers6: [], search: ["default.svc.cluster.local"] },
  hostname: "vm",
  migrationTransport: "unix",
  ...change,
});
