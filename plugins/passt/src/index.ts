import {
  type Attachment,
  type Binding,
  BindingError,
  defineBinding,
  defined,
  type NicSpec,
  type PasstForward,
  type PasstPorts,
  type Port,
  type Violation,
  violation,
} from "@netbind/contract";

/** What passt costs beside the guest, with whatever number of ports. */
const OVERHEAD_BYTES = 250 * 1024 * 1024;
/** Ports that Istio's sidecar keeps for itself. */
const ISTIO_PORTS = [15000, 15001, 15004, 15006, 15008, 15009, 15020, 15021, 15053, 15090] as const;

const inRange = ({ port, lastPort }: Port): PasstPorts => ({ from: port, ...defined({ to: lastPort }) });

/**
 * Which of the pod's ports reach the guest. With none listed, all of both protocols do - but for the mesh's own, which are
 * TCP: what is left out of one protocol takes nothing from the other.
 */
function forwards({ mesh, ports }: NicSpec): readonly PasstForward[] {
  const listed = (protocol: Port["protocol"]): readonly PasstPorts[] =>
    ports.filter((port) => port.protocol === protocol).map(inRange);
  const tcp = {
    protocol: "tcp",
    ports: listed("TCP"),
    except: mesh ? ISTIO_PORTS.map((from) => ({ from })) : [],
  } as const;
  const udp = { protocol: "udp", ports: listed("UDP"), except: [] } as const;
  // A protocol of which neither is said would be forwarded whole.
  return ports.length === 0 ? [tcp, udp] : [tcp, udp].filter((one) => one.ports.length + one.except.length > 0);
}

function admit(nic: NicSpec): readonly Violation[] {
  return [
    ...(nic.network.kind === "pod"
      ? []
      : [
          violation(
            "name",
            `passt serves the pod network only, and "${nic.name}" is a multus network`,
            "use bridge on this network",
          ),
        ]),
    ...(nic.model === "virtio"
      ? []
      : [
          violation(
            "model",
            `passt serves virtio only, and the model is "${nic.model}"`,
            "remove the model, or use masquerade",
          ),
        ]),
  ];
}

/** passt speaks with the pod's addresses: without one it has nothing to say. */
function requireAddress({ pod }: Attachment): void {
  if (pod.addresses.length > 0) return;
  throw new BindingError(
    "PLAN_IMPOSSIBLE",
    `pod link "${pod.name}" has no address that the guest could have`,
    "give the pod network an IPv4 or IPv6 address",
  );
}

/** passt, a process beside the guest, speaks for it with the pod's own address; the pod's links stay as they are. */
const passt: Binding = defineBinding({
  name: "passt",
  contract: "v1alpha1",
  migration: "supported",
  admit,
  needs: () => ({ compute: { memoryOverheadBytes: OVERHEAD_BYTES } }),
  plan: (attachment) => {
    requireAddress(attachment);
    return {
      network: {
        links: [],
        sysctls: [
          // passt runs as the VM's user: it may send echo requests and take the guest's low ports.
          { key: "net.ipv4.ping_group_range", value: "107 107" },
          { key: "net.ipv4.ip_unprivileged_port_start", value: "0" },
        ],
      },
      domain: { kind: "passt", forward: forwards(attachment) },
    };
  },
});

export default passt;
