import { documents, kubevirt, multus, nad, vm } from "../kube/objects.ts";

/**
 * A VM called `one`, whose disk has nothing on it: its firmware finds no system, and its processor rests. Nothing in it hears
 * that it is to shut down.
 */
function idleVm(hostDisk: string, interfaces: readonly object[], networks: readonly object[]): object {
  const { spec, ...rest } = vm("one", { interfaces, networks, hostDisk, memory: "64Mi" }) as { readonly spec: object };
  return { ...rest, spec: { ...spec, terminationGracePeriodSeconds: 0 } };
}

const POD = { name: "main", pod: {} };
const LAN = nad("lan", {
  type: "bridge",
  bridge: "br1",
  isGateway: true,
  ipam: { type: "host-local", subnet: "10.250.250.0/24" },
});
const LAYER2 = nad("managed", { plugins: [{ type: "bridge", bridge: "br2" }, { type: "tuning" }] });
const REGISTERED = kubevirt({ raw: { domainAttachmentType: "tap" }, managed: { domainAttachmentType: "managedTap" } });

const NIC = {
  masquerade: { name: "main", masquerade: {}, ports: [{ port: 80 }] },
  slirp: { name: "main", binding: { name: "slirp" }, ports: [{ port: 80 }] },
  passt: { name: "main", binding: { name: "passt" }, ports: [{ port: 80 }] },
  bridge: { name: "lan", bridge: {}, macAddress: "02:00:00:00:aa:01" },
  macvtap: { name: "vtap", binding: { name: "macvtap" }, macAddress: "02:00:00:00:aa:0a" },
  tap: { name: "raw", binding: { name: "raw" }, macAddress: "02:00:00:00:aa:0b" },
  managedTap: { name: "managed", binding: { name: "managed" } },
} as const;

export const masqueradeVm = (disk: string): string => documents(idleVm(disk, [NIC.masquerade], [POD]));
export const slirpVm = (disk: string): string => documents(idleVm(disk, [NIC.slirp], [POD]));

/**
 * passt, and a NIC of each kind that secondary networks are attached by: the machine's CNI plugins, the host's own, and
 * bindings that are data alone. The macvtaps are on the bridge that the plugin before them made: no link of the machine is
 * touched.
 */
export const manyNetworks = (disk: string): string =>
  documents(
    idleVm(
      disk,
      [NIC.passt, NIC.bridge, NIC.macvtap, NIC.tap, NIC.managedTap],
      [POD, multus("lan"), multus("vtap"), multus("raw", "vtap"), multus("managed")],
    ),
    LAN,
    nad("vtap", { type: "macvtap" }, "macvtap.network.kubevirt.io/br1"),
    LAYER2,
    REGISTERED,
  );

/** What can be moved on one machine: masquerade, and NICs of secondary networks that the machine's CNI plugins attach. */
export const movableVm = (disk: string): string =>
  documents(
    idleVm(disk, [NIC.masquerade, NIC.bridge, NIC.managedTap], [POD, multus("lan"), multus("managed")]),
    LAN,
    LAYER2,
    REGISTERED,
  );
