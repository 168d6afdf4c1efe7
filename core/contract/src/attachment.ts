/** One port, or one range, that a VM's author listed under `ports` or `portRanges` of an interface. */
export interface Port {
  readonly name?: string;
  /** Defaulted to TCP by the core, as KubeVirt does at use. */
  readonly protocol: "TCP" | "UDP";
  /** 1..65535. */
  readonly port: number;
  /** The last port of a range that begins with `port`; absent for a single port. */
  readonly lastPort?: number;
}

/** A site-specific DHCPv4 option (RFC 3942): code 224..254, value as text. */
export interface PrivateDhcpOption {
  readonly option: number;
  readonly value: string;
}

/** What the VM's author asked the DHCP server to say (`dhcpOptions`). All text is untrusted. */
export interface DhcpOptions {
  /** Option 67. */
  readonly bootFileName?: string;
  /** Option 66. */
  readonly tftpServerName?: string;
  /** Option 42: IPv4 addresses. */
  readonly ntpServers: readonly string[];
  readonly privateOptions: readonly PrivateDhcpOption[];
}

/** The network that the NIC is joined to (`spec.networks[]`). */
export type NetworkSource =
  | {
      readonly kind: "pod";
      /** The guest's IPv4 subnet where the binding hides the guest, as written: `10.0.2.0/24`. */
      readonly vmNetworkCidr?: string;
      /** The guest's IPv6 subnet where the binding hides the guest, as written: `fd10:0:2::/120`. */
      readonly vmIpv6NetworkCidr?: string;
    }
  | {
      readonly kind: "multus";
      /** `<name>` or `<namespace>/<name>` of a NetworkAttachmentDefinition. */
      readonly networkName: string;
      /** True where this attachment replaces the pod network. */
      readonly default: boolean;
    };

/**
 * A virtual NIC as its VM's author wrote it, with KubeVirt's defaults filled in. All that is known before a pod exists:
 * what `admit` and `needs` see.
 */
export interface NicSpec {
  /** The logical name: `interfaces[].name`, equal to `networks[].name`. */
  readonly name: string;
  readonly network: NetworkSource;
  /** `virtio` where the author named none. */
  readonly model: string;
  /** True where virtio devices are to be ones that old guests know too (`useVirtioTransitional`). */
  readonly virtioTransitional: boolean;
  readonly macAddress?: string;
  /** Empty means every port, where the binding forwards ports at all. */
  readonly ports: readonly Port[];
  readonly dhcpOptions: DhcpOptions;
  readonly bootOrder?: number;
  /** `DDDD:BB:SS.F`, hexadecimal. */
  readonly pciAddress?: string;
  readonly acpiIndex?: number;
  readonly state: "up" | "down" | "absent";
  /** True where a service mesh (Istio) is injected into the VM's pod. */
  readonly mesh: boolean;
}

/** The pod's link of this NIC, as it was before anything changed. Observed once, recorded, replayed on every retry. */
export interface PodLink {
  readonly name: string;
  /** Lower case, colons. */
  readonly mac: string;
  /** Bytes. */
  readonly mtu: number;
  /** Every address of the link but link-local ones, as `address/prefix`, in the kernel's order. */
  readonly addresses: readonly string[];
  readonly routes: readonly Route[];
  /**
   * The link that a hypervisor can open as it is: a tap of the NIC's reserved name that the network's CNI plugin made, or
   * the pod's link itself where it is a tap or a macvtap. Absent where the CNI plugin made neither.
   */
  readonly tap?: string;
}

/** A route of the pod's main table. */
export interface Route {
  /** `address/prefix`; the default route is `0.0.0.0/0` or `::/0`. */
  readonly destination: string;
  /** Absent for a route to the link itself. */
  readonly gateway?: string;
}

/** The names that the core reserved for this NIC. A plugin uses these and makes none up. */
export interface NicNames {
  /**
   * The pod's link. Of the primary network that which the pod's network-status marks as the default, `eth0` where it marks
   * none: it need not be `eth0`, and an `eth0` may be there beside it. Of others `pod` and eleven hexadecimal digits.
   */
  readonly pod: string;
  /** `tap0`, or `tap` and the digits. */
  readonly tap: string;
  /** `k6t-` and the pod link's name without `pod`: `k6t-eth0`. */
  readonly bridge: string;
  /** The same name and `-nic`: the pod's link once it is a port of the bridge. */
  readonly adopted: string;
}

/** The pod's resolver, read from its resolv.conf by KubeVirt's rules (never both lists of servers empty). */
export interface ResolvConf {
  readonly nameservers4: readonly string[];
  readonly nameservers6: readonly string[];
  /** Lower case, in order; the domain of the VM's `spec.subdomain` first. */
  readonly search: readonly string[];
}

/** What a network's plugins reported about the device that it is made of (NPWG device information specification, 1.1). */
export interface DeviceInfo {
  /** `pci`, `vdpa`, `vhost-user`, ... */
  readonly type: string;
  /** `DDDD:BB:SS.F`, hexadecimal. */
  readonly pciAddress?: string;
}

/** All that is known of a NIC once its pod has a network: what `plan` sees. */
export interface Attachment extends NicSpec {
  /** Why this plan is asked for. */
  readonly cause: "boot" | "migrationTarget" | "hotplug";
  /**
   * The guest's MAC, always set: the author's, else the VMI status', else the pod link's where the binding delegates
   * it, else derived from namespace, VM and NIC.
   */
  readonly mac: string;
  /** The NIC's place in the VM's list of interfaces, from 0. */
  readonly index: number;
  /** Queues of the NIC; 0 where multiqueue is off or the model has none. */
  readonly queues: number;
  /** Where the network's device is the guest's as a whole, the pod has no such link: then this is what its CNI plugin reported. */
  readonly pod: PodLink;
  /** Absent where the network's plugins reported no device. */
  readonly deviceInfo?: DeviceInfo;
  /**
   * The devices of this network's resource that the pod was allocated, as its device plugin reported: PCI addresses, and the names
   * of the character devices of vDPA devices (`vhost-vdpa-0`).
   */
  readonly allocatedDevices: readonly string[];
  readonly names: NicNames;
  readonly resolvConf: ResolvConf;
  /** The pod's host name, a DNS label. */
  readonly hostname: string;
  /** How KubeVirt moves migration data: with `ports`, two TCP ports of the pod's loopback must stay its own. */
  readonly migrationTransport: "unix" | "ports";
  /** `MAJOR.MINOR.MICRO` of the libvirt that reads the NIC's part of the domain. Absent: one that reads all that there is. */
  readonly libvirtVersion?: string;
}
