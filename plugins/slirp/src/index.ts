import {
  type Binding,
  BindingError,
  defineBinding,
  guestNetwork,
  type NicSpec,
  parseCidr,
  type Port,
  type Violation,
  violation,
} from "@netbind/contract";

const DEFAULT_NETWORK = "10.0.2.0/24";
/** QEMU gives its guest the network's fifteenth address, and itself the ones below. */
const LONGEST_PREFIX = 27;

const networkText = ({ network }: NicSpec): string => guestNetwork({ network, index: 0 }, 4);

const isNetwork = (text: string): boolean => {
  const cidr = parseCidr(text);
  return cidr?.family === 4 && cidr.prefix <= LONGEST_PREFIX;
};

/** Each port once: QEMU exits on a repeated one. */
const distinct = (ports: readonly Port[]): readonly Port[] =>
  ports.filter(
    (port, at) => ports.findIndex((other) => other.port === port.port && other.protocol === port.protocol) === at,
  );

function admit(nic: NicSpec): readonly Violation[] {
  const text = networkText(nic);
  return [
    ...(nic.ports.some(({ lastPort }) => lastPort !== undefined)
      ? [violation("portRanges", "slirp forwards single ports only", "list the ports one by one under ports")]
      : []),
    ...(nic.network.kind === "pod"
      ? []
      : [
          violation(
            "name",
            `slirp serves the pod network only, and "${nic.name}" is a multus network`,
            "use bridge on this network",
          ),
        ]),
    ...(isNetwork(text)
      ? []
      : [
          violation(
            "network.pod.vmNetworkCIDR",
            `"${text}" is not a valid IPv4 network with the fifteen addresses that QEMU needs`,
            `write address/prefix with a prefix of at most ${LONGEST_PREFIX}, such as ${DEFAULT_NETWORK}`,
          ),
        ]),
  ];
}

/**
 * A network inside QEMU: TCP and UDP only, outwards as the pod, inwards on the listed ports alone. The pod's links stay as
 * they are, and the domain has no interface for it, so the VM's status shows none.
 */
const slirp: Binding = defineBinding({
  name: "slirp",
  contract: "v1alpha1",
  migration: "none",
  admit,
  plan: (attachment) => {
    const network = networkText(attachment);
    if (!isNetwork(network))
      throw new BindingError(
        "PLAN_IMPOSSIBLE",
        `"${network}" is not a valid IPv4 network for a guest`,
        "set vmNetworkCIDR to a larger network",
      );
    return {
      domain: {
        kind: "userNetwork",
        network,
        search: attachment.resolvConf.search,
        forward: distinct(attachment.ports),
      },
    };
  },
});

export default slirp;
