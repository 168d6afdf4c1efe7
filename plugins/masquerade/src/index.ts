import {
  type Attachment,
  addressOf,
  type Binding,
  BindingError,
  type Cidr,
  cidrHost,
  type Dhcp4Service,
  defineBinding,
  type NftChain,
  type NftMatch,
  type NftRule,
  type NftVerdict,
  type NicSpec,
  normaliseMac,
  parseAddress,
  parseCidr,
  RESERVED_BRIDGE_MAC,
  type Violation,
  violation,
} from "@netbind/contract";

const DEFAULT_CIDR = "10.0.2.0/24";
const LOOPBACK = "127.0.0.1";
/** Where Istio's Envoy connects from when it hands traffic to the workload. */
const ENVOY_SOURCE = "127.0.0.6";
/** Ports of the pod's loopback that KubeVirt's migration proxy listens on without its unix transport. */
const MIGRATION_PORTS = [49152, 49153] as const;
/** Ports that Istio's sidecar keeps for itself. */
const ISTIO_PORTS = [15000, 15001, 15004, 15006, 15008, 15009, 15020, 15021, 15053, 15090] as const;
/** The one port that reaches the guest past Envoy. */
const SSH_PORT = 22;
/** 999 days: KubeVirt's lease, long enough that a guest which is paused keeps its address. */
const LEASE_SECONDS = 999 * 24 * 60 * 60;

/** The addresses of the little network between the pod and its guest. */
interface GuestNetwork {
  readonly gateway: string;
  readonly guest: string;
  readonly prefix: number;
}

/** The guest's network, or undefined where the text is no IPv4 network with room for a gateway and a guest. */
function guestNetwork(text: string): GuestNetwork | undefined {
  const cidr: Cidr | undefined = parseCidr(text);
  if (cidr === undefined || cidr.family !== 4 || cidr.prefix > 30) return undefined;
  return { gateway: cidrHost(cidr, 1), guest: cidrHost(cidr, 2), prefix: cidr.prefix };
}

function admit(nic: NicSpec): readonly Violation[] {
  const violations: Violation[] = [];
  if (nic.network.kind !== "pod") {
    violations.push(violation("name", `masquerade serves the pod network only, and "${nic.name}" is a multus network`, "use bridge here"));
  }
  if (nic.network.kind === "pod" && nic.network.vmNetworkCidr !== undefined && guestNetwork(nic.network.vmNetworkCidr) === undefined) {
    violations.push(
      violation(
        "network.pod.vmNetworkCIDR",
        `"${nic.network.vmNetworkCidr}" is no IPv4 network with room for a gateway and a guest`,
        'write address/prefix with a prefix of at most 30, such as "10.0.2.0/24"',
      ),
    );
  }
  if (nic.macAddress !== undefined && normaliseMac(nic.macAddress) === RESERVED_BRIDGE_MAC) {
    violations.push(violation("macAddress", `${nic.macAddress} is the in-pod bridge's own address`, "choose another MAC address"));
  }
  return violations;
}

/** The pod's first IPv4 address that others can reach it by. */
function podAddress(attachment: Attachment): string | undefined {
  return attachment.pod.addresses.map(addressOf).find((address) => {
    const parsed = parseAddress(address);
    return parsed?.family === 4 && !/^(127|169\.254|22[4-9]|23\d|0)\./.test(address);
  });
}

/** True where an address lies in a network. */
function contains(network: string, address: string): boolean {
  const cidr = parseCidr(network);
  return cidr !== undefined && parseCidr(`${address}/${cidr.prefix}`)?.base === cidr.base;
}

const rule = (verdict: NftVerdict, ...matches: readonly NftMatch[]): NftRule => ({ family: "ip", matches, verdict });
const from = (...addresses: readonly string[]): NftMatch => ({ kind: "sourceAddress", addresses });
const to = (...addresses: readonly string[]): NftMatch => ({ kind: "destinationAddress", addresses });
const tcpPorts = (...ports: readonly number[]): NftMatch => ({ kind: "destinationPort", protocol: "tcp", ports });

/** The rules of one NIC: who gets to the guest, by which chain, and as whom the guest's traffic leaves. */
class MasqueradeRules {
  readonly #prerouting: NftRule[] = [];
  readonly #output: NftRule[] = [];
  readonly #postrouting: NftRule[] = [];
  readonly #inbound: NftMatch;
  readonly #toBridge: NftMatch;
  readonly #guest: GuestNetwork;

  constructor(attachment: Attachment, guest: GuestNetwork) {
    this.#guest = guest;
    this.#inbound = { kind: "inputInterface", name: attachment.names.pod };
    this.#toBridge = { kind: "outputInterface", name: attachment.names.bridge };
    this.#postrouting.push(rule({ kind: "masquerade" }, from(guest.guest)));
  }

  /** Traffic of the pod's own loopback to these ports stays the pod's. */
  keepLocal(ports: readonly number[]): void {
    this.#output.push(rule({ kind: "return" }, tcpPorts(...ports), from(LOOPBACK)));
    this.#postrouting.push(rule({ kind: "return" }, this.#toBridge, tcpPorts(...ports), from(LOOPBACK)));
  }

  /** Traffic that comes to the pod goes to the guest. */
  forwardInbound(port?: NftMatch): void {
    this.#prerouting.push(rule({ kind: "dnat", to: this.#guest.guest }, this.#inbound, ...(port === undefined ? [] : [port])));
  }

  /** Traffic of the pod's own processes goes to the guest, and looks as if the gateway had sent it. */
  forwardLocal(destinations: readonly string[], sources: readonly string[], port?: NftMatch): void {
    const ports = port === undefined ? [] : [port];
    this.#output.push(rule({ kind: "dnat", to: this.#guest.guest }, to(...destinations), ...ports));
    this.#postrouting.push(rule({ kind: "snat", to: this.#guest.gateway }, this.#toBridge, ...ports, from(...sources)));
  }

  chains(): readonly NftChain[] {
    return [
      { name: "prerouting", base: { type: "nat", hook: "prerouting", priority: -100 }, rules: this.#prerouting },
      { name: "output", base: { type: "nat", hook: "output", priority: -100 }, rules: this.#output },
      { name: "postrouting", base: { type: "nat", hook: "postrouting", priority: 100 }, rules: this.#postrouting },
    ];
  }
}

function planRules(attachment: Attachment, guest: GuestNetwork, pod: string): readonly NftChain[] {
  const rules = new MasqueradeRules(attachment, guest);
  if (attachment.migrationTransport === "ports") rules.keepLocal(MIGRATION_PORTS);
  const destinations = attachment.mesh ? [LOOPBACK, pod] : [LOOPBACK];
  const sources = attachment.mesh ? [LOOPBACK, ENVOY_SOURCE] : [LOOPBACK];
  if (attachment.ports.length === 0) {
    if (attachment.mesh) rules.keepLocal(ISTIO_PORTS);
    rules.forwardInbound(attachment.mesh ? tcpPorts(SSH_PORT) : undefined);
    rules.forwardLocal(destinations, sources);
  }
  for (const { protocol, port } of attachment.ports) {
    const match: NftMatch = { kind: "destinationPort", protocol: protocol === "UDP" ? "udp" : "tcp", ports: [port] };
    // In a mesh Envoy takes what comes in and reaches the guest by the output rule; ssh alone goes past it.
    if (!attachment.mesh) rules.forwardInbound(match);
    else if (port === SSH_PORT && protocol === "TCP") rules.forwardInbound(match);
    rules.forwardLocal(destinations, sources, match);
  }
  return rules.chains();
}

function planDhcp(attachment: Attachment, guest: GuestNetwork): Dhcp4Service {
  const { dhcpOptions, resolvConf } = attachment;
  return {
    kind: "dhcp4",
    link: attachment.names.bridge,
    server: guest.gateway,
    client: { mac: attachment.mac, address: guest.guest, prefix: guest.prefix },
    leaseSeconds: LEASE_SECONDS,
    router: guest.gateway,
    nameservers: resolvConf.nameservers4,
    search: resolvConf.search,
    hostname: attachment.hostname,
    mtu: attachment.pod.mtu,
    ...(dhcpOptions.bootFileName === undefined ? {} : { bootFileName: dhcpOptions.bootFileName }),
    ...(dhcpOptions.tftpServerName === undefined ? {} : { tftpServerName: dhcpOptions.tftpServerName }),
    ntpServers: dhcpOptions.ntpServers,
    privateOptions: dhcpOptions.privateOptions,
  };
}

/**
 * The guest gets an address of its own behind the pod's: what comes to the pod on a listed port goes to the guest
 * (on every port where none is listed), and what the guest sends leaves as the pod.
 */
const masquerade: Binding = defineBinding({
  name: "masquerade",
  contract: "v1alpha1",
  migration: "supported",
  admit,
  needs: ({ network }) => {
    // Istio must treat what comes from the bridge as the workload's own traffic. Its older and its newer annotation.
    const bridge = network.kind === "pod" ? "k6t-eth0" : undefined;
    if (bridge === undefined) return {};
    return {
      pod: {
        annotations: { "traffic.sidecar.istio.io/kubevirtInterfaces": bridge, "istio.io/reroute-virtual-interfaces": bridge },
      },
    };
  },
  plan: (attachment) => {
    const { names, pod, queues, network } = attachment;
    const text = (network.kind === "pod" ? network.vmNetworkCidr : undefined) ?? DEFAULT_CIDR;
    const guest = guestNetwork(text);
    if (guest === undefined) {
      throw new BindingError(
        "PLAN_IMPOSSIBLE",
        `"${text}" is no IPv4 network for a guest`,
        "set vmNetworkCIDR to a network of /30 or larger",
      );
    }
    const address = podAddress(attachment);
    if (address === undefined) {
      throw new BindingError(
        "PLAN_IMPOSSIBLE",
        `pod link "${pod.name}" has no IPv4 address to hide the guest behind (it has: ${pod.addresses.join(", ") || "none"})`,
        "give the pod network an IPv4 address",
      );
    }
    if (contains(text, address)) {
      throw new BindingError(
        "PLAN_IMPOSSIBLE",
        `the guest's network ${text} holds the pod's own address ${address}, so nothing could be told apart`,
        "set vmNetworkCIDR to a network that the pod network does not use",
      );
    }
    return {
      network: {
        links: [
          {
            kind: "bridge",
            name: names.bridge,
            mac: RESERVED_BRIDGE_MAC,
            mtu: pod.mtu,
            addresses: [{ address: guest.gateway, prefix: guest.prefix }],
          },
          { kind: "tap", name: names.tap, mtu: pod.mtu, queues, bridge: names.bridge },
        ],
        sysctls: [
          { key: `net.ipv4.conf.${names.bridge}.route_localnet`, value: "1" },
          { key: "net.ipv4.ip_forward", value: "1" },
        ],
        nftables: planRules(attachment, guest, address),
      },
      services: [planDhcp(attachment, guest)],
      domain: { kind: "tap" },
    };
  },
});

export default masquerade;
