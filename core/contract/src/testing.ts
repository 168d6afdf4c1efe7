/** What tests of bindings are made of. No binding and no program imports it. */
import type { Attachment } from "./attachment.ts";

/**
 * An attachment for a test of a binding: the first NIC of a VM on the pod network, `red`, with what KubeVirt gives it by
 * default. Its pod has one IPv4 address on `eth0`, and nothing was allocated to it.
 * @param change  fields that the test needs otherwise, each as a whole: `{ pod: { ...anAttachment().pod, mtu: 9000 } }`
 */
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
