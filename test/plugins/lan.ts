/** A binding of the tests' own: a little network behind the pod's link, with every service there is. Nothing is translated. */
import { type Attachment, cidrHost, defineBinding, guestNetwork, type Plan, parseCidr } from "@netbind/contract";

/** An address of the NIC's own network: its number, and the network's prefix. */
function host(attachment: Attachment, family: 4 | 6, n: number): { readonly address: string; readonly prefix: number } {
  const cidr = parseCidr(guestNetwork(attachment, family));
  if (cidr === undefined) throw new Error("the NIC has no network");
  return { address: cidrHost(cidr, n), prefix: cidr.prefix };
}

export default defineBinding({
  name: "lan",
  contract: "v1alpha1",
  migration: "none",
  plan: (attachment): Plan => {
    const { names, mac, pod, queues, hostname } = attachment;
    return {
      network: {
        links: [
          {
            kind: "bridge",
            name: names.bridge,
            mtu: pod.mtu,
            addresses: [host(attachment, 4, 1), host(attachment, 6, 1)],
          },
          { kind: "tap", name: names.tap, mtu: pod.mtu, queues, bridge: names.bridge },
        ],
      },
      services: [
        {
          kind: "dhcp4",
          link: names.bridge,
          server: host(attachment, 4, 1).address,
          client: { mac, ...host(attachment, 4, 7) },
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
          client: { mac, ...host(attachment, 6, 7) },
          leaseSeconds: 3600,
          nameservers: [],
          search: [],
        },
        {
          kind: "ra",
          link: names.bridge,
          network: guestNetwork(attachment, 6),
          mtu: pod.mtu,
          routerLifetimeSeconds: 1800,
        },
      ],
      domain: { kind: "tap" },
    };
  },
});
