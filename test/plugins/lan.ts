/** A binding of the tests' own: a little network behind the pod's link, with every service there is. Nothing is translated. */
import { defineBinding, type Plan } from "@netbind/contract";

export default defineBinding({
  name: "lan",
  contract: "v1alpha1",
  migration: "none",
  plan: ({ names, mac, pod, queues, hostname }): Plan => ({
    network: {
      links: [
        {
          kind: "bridge",
          name: names.bridge,
          mtu: pod.mtu,
          addresses: [
            { address: "192.168.77.1", prefix: 24 },
            { address: "fd77::1", prefix: 64 },
          ],
        },
        { kind: "tap", name: names.tap, mtu: pod.mtu, queues, bridge: names.bridge },
      ],
    },
    services: [
      {
        kind: "dhcp4",
        link: names.bridge,
        server: "192.168.77.1",
        client: { mac, address: "192.168.77.7", prefix: 24 },
        leaseSeconds: 3600,
        nameservers: [],
        search: [],
        hostname,
        mtu: pod.mtu,
        ntpServers: [],
        privateOptions: [],
      },
      {
        kind: "dhcp6",
        link: names.bridge,
        client: { mac, address: "fd77::7", prefix: 64 },
        leaseSeconds: 3600,
        nameservers: [],
        search: [],
      },
      { kind: "ra", link: names.bridge, network: "fd77::/64", mtu: pod.mtu, routerLifetimeSeconds: 1800 },
    ],
    domain: { kind: "tap" },
  }),
});
