/**
 * A binding of the tests' own, as a third party would ship it: the guest takes the pod's place on its network. It needs
 * no more than the standard grants, and has something to say to each question that it is asked.
 */
import {
  addressOf,
  adoptedLinks,
  adoptedSysctls,
  type Attachment,
  defineBinding,
  parseCidr,
  type Plan,
  reachableAddresses,
  serverNetwork,
  type ServicePlan,
  violation,
} from "@netbind/contract";

/** Hands the pod's own address to the guest. */
function serve(attachment: Attachment, own: string): ServicePlan {
  const { names, mac, pod, hostname } = attachment;
  return {
    kind: "dhcp4",
    link: names.bridge,
    server: addressOf(serverNetwork(attachment, 4)),
    client: { mac, address: addressOf(own), prefix: parseCidr(own)?.prefix ?? 32 },
    leaseSeconds: 3600,
    nameservers: [],
    search: [],
    hostname,
    mtu: pod.mtu,
    ntpServers: [],
    privateOptions: [],
  };
}

export default defineBinding({
  name: "joined",
  contract: "v1alpha1",
  migration: "none",
  takesPodMac: true,
  admit: ({ model }) =>
    model === "e1000" ? [violation("model", '"e1000" is not a model for joined', "use virtio")] : [],
  needs: () => ({ sidecar: { memoryBytes: 70_000_000 } }),
  plan: (attachment): Plan => {
    const [own] = reachableAddresses(attachment, 4);
    const servers = own === undefined ? [] : [{ address: addressOf(serverNetwork(attachment, 4)), prefix: 32 }];
    return {
      network: { links: adoptedLinks(attachment, servers), sysctls: adoptedSysctls(attachment) },
      ...(own === undefined ? {} : { services: [serve(attachment, own)] }),
      domain: { kind: "tap" },
    };
  },
});
