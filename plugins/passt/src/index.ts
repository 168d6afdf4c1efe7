import {
  type Attachment,
  type Binding,
  BindingError,
  defineBinding,
  type NicSpec,
  type Port,
  type Violation,
  violation,
  type XmlElement,
} from "@netbind/contract";

/** Where passt writes what it does: the launcher puts it into its own log at the end. */
const LOG_FILE = "/var/run/kubevirt/passt.log";
/** What passt costs beside the guest, with whatever number of ports. */
const OVERHEAD_BYTES = 250 * 1024 * 1024;
/** Ports that Istio's sidecar keeps for itself. */
const ISTIO_PORTS = [15000, 15001, 15004, 15006, 15008, 15009, 15020, 15021, 15053, 15090] as const;

const excluded = (port: number): XmlElement => ({ name: "range", attributes: { start: String(port), exclude: "yes" } });
const forwarded = ({ port, lastPort }: Port): XmlElement => ({
  name: "range",
  attributes: { start: String(port), ...(lastPort === undefined ? {} : { end: String(lastPort) }) },
});

const portForward = (proto: "tcp" | "udp", ranges: readonly XmlElement[]): XmlElement => ({
  name: "portForward",
  attributes: { proto },
  ...(ranges.length === 0 ? {} : { children: ranges }),
});

/**
 * Which of the pod's ports reach the guest. With none listed, all of both protocols do - but for the mesh's own, which are
 * TCP: what is left out of one protocol takes nothing from the other.
 */
function forwards({ mesh, ports }: NicSpec): readonly XmlElement[] {
  const kept = mesh ? ISTIO_PORTS.map(excluded) : [];
  if (ports.length === 0) return [portForward("tcp", kept), portForward("udp", [])];
  const of = (protocol: Port["protocol"]): readonly XmlElement[] => ports.filter((port) => port.protocol === protocol).map(forwarded);
  const [tcp, udp] = [of("TCP"), of("UDP")];
  return [
    ...(tcp.length + kept.length === 0 ? [] : [portForward("tcp", [...kept, ...tcp])]),
    ...(udp.length === 0 ? [] : [portForward("udp", udp)]),
  ];
}

function admit(nic: NicSpec): readonly Violation[] {
  return [
    ...(nic.network.kind === "pod"
      ? []
      : [violation("name", `passt serves the pod network only, and "${nic.name}" is a multus network`, "use bridge here")]),
    ...(nic.model === "virtio"
      ? []
      : [violation("model", `passt moves packets by virtio only, and the model is "${nic.model}"`, "remove the model, or use masquerade")]),
  ];
}

/**
 * The first libvirt that starts passt for an interface, and the first that joins the two by shared memory. Nothing is planned
 * for one before the first: KubeVirt takes binding plugins since 1.1, whose launcher has libvirt 9.5.
 */
const WITH_PASST = [9, 0] as const;
const WITH_SHARED_MEMORY = [11, 1] as const;

/** True for a libvirt of a release or a later one; and for one of which nothing is told. */
function isSince(version: string | undefined, [major, minor]: readonly [number, number]): boolean {
  if (version === undefined) return true;
  const [ownMajor = 0, ownMinor = 0] = version.split(".").map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}

function device(attachment: Attachment): XmlElement {
  if (attachment.pod.addresses.length === 0) {
    throw new BindingError(
      "PLAN_IMPOSSIBLE",
      `pod link "${attachment.pod.name}" has no address that the guest could have`,
      "give the pod network an IPv4 or IPv6 address",
    );
  }
  const { libvirtVersion } = attachment;
  if (!isSince(libvirtVersion, WITH_PASST)) {
    throw new BindingError(
      "PLAN_IMPOSSIBLE",
      `libvirt ${libvirtVersion} starts no passt`,
      `use masquerade, or a KubeVirt with libvirt ${WITH_PASST.join(".")} or later`,
    );
  }
  return {
    name: "interface",
    attributes: { type: isSince(libvirtVersion, WITH_SHARED_MEMORY) ? "vhostuser" : "user" },
    children: [
      { name: "source", attributes: { dev: attachment.pod.name } },
      { name: "backend", attributes: { type: "passt", logFile: LOG_FILE } },
      ...forwards(attachment),
    ],
  };
}

/** passt, a process beside the guest, speaks for it with the pod's own address; the pod's links stay as they are. */
const passt: Binding = defineBinding({
  name: "passt",
  contract: "v1alpha1",
  migration: "supported",
  admit,
  needs: () => ({ compute: { memoryOverheadBytes: OVERHEAD_BYTES } }),
  plan: (attachment) => ({
    network: {
      links: [],
      sysctls: [
        // passt runs as the VM's user: it may send echo requests and take the guest's low ports.
        { key: "net.ipv4.ping_group_range", value: "107 107" },
        { key: "net.ipv4.ip_unprivileged_port_start", value: "0" },
      ],
    },
    domain: { kind: "device", element: device(attachment), sharedMemory: isSince(attachment.libvirtVersion, WITH_SHARED_MEMORY) },
  }),
});

export default passt;
