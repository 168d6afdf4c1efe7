import {
  type Attachment,
  defined,
  type NetworkSource,
  type NicSpec,
  type Port,
  type ResolvConf,
  type Route,
} from "@netbind/contract";
import type { binding as wire } from "@netbind/proto";
import { oneOf, required } from "./checks.ts";

function networkToWire(network: NetworkSource): wire.NicSpec["network"] {
  if (network.kind === "multus")
    return { $case: "multus", value: { networkName: network.networkName, default: network.default } };
  const { vmNetworkCidr, vmIpv6NetworkCidr } = network;
  return { $case: "pod", value: { vmNetworkCidr, vmIpv6NetworkCidr } };
}

function networkFromWire(network: wire.NicSpec["network"]): NetworkSource {
  const { $case, value } = required(network, "the NIC's network");
  return $case === "multus" ? { kind: "multus", ...value } : { kind: "pod", ...defined(value) };
}

/** A NIC for the wire. */
export const nicToWire = (nic: NicSpec): wire.NicSpec => ({
  name: nic.name,
  network: networkToWire(nic.network),
  model: nic.model,
  virtioTransitional: nic.virtioTransitional,
  macAddress: nic.macAddress,
  ports: nic.ports,
  dhcpOptions: nic.dhcpOptions,
  bootOrder: nic.bootOrder,
  pciAddress: nic.pciAddress,
  acpiIndex: nic.acpiIndex,
  state: nic.state,
  mesh: nic.mesh,
});

/** A port from the wire. @throws BindingError ATTACHMENT_INVALID */
export const portFromWire = ({ protocol, ...port }: wire.Port): Port => ({
  ...defined(port),
  port: port.port,
  protocol: oneOf(protocol, ["TCP", "UDP"], "a port's protocol"),
});

/** A NIC from the wire. @throws BindingError ATTACHMENT_INVALID */
export function nicFromWire(message: wire.NicSpec | undefined): NicSpec {
  const nic = required(message, "the NIC");
  const { network, ports, dhcpOptions, state, ...plain } = nic;
  return {
    ...defined(plain),
    name: nic.name,
    model: nic.model,
    virtioTransitional: nic.virtioTransitional,
    mesh: nic.mesh,
    network: networkFromWire(network),
    ports: ports.map(portFromWire),
    dhcpOptions:
      dhcpOptions === undefined
        ? { ntpServers: [], privateOptions: [] }
        : { ...defined(dhcpOptions), ntpServers: dhcpOptions.ntpServers, privateOptions: dhcpOptions.privateOptions },
    state: oneOf(state, ["up", "down", "absent"], "the NIC's state"),
  };
}

/** A route for the wire. */
export const routeToWire = ({ destination, gateway }: Route): wire.Route => ({ destination, gateway });
/** A route from the wire. */
export const routeFromWire = (route: wire.Route): Route => ({ ...defined(route), destination: route.destination });

/** An attachment for the wire. */
export const attachmentToWire = (attachment: Attachment): wire.Attachment => ({
  nic: nicToWire(attachment),
  cause: attachment.cause,
  mac: attachment.mac,
  index: attachment.index,
  queues: attachment.queues,
  deviceInfo: attachment.deviceInfo && {
    type: attachment.deviceInfo.type,
    pciAddress: attachment.deviceInfo.pciAddress,
  },
  allocatedDevices: attachment.allocatedDevices,
  pod: { ...attachment.pod, tap: attachment.pod.tap, routes: attachment.pod.routes.map(routeToWire) },
  names: attachment.names,
  resolvConf: attachment.resolvConf,
  hostname: attachment.hostname,
  migrationTransport: attachment.migrationTransport,
  libvirtVersion: attachment.libvirtVersion,
});

/** An attachment from the wire. @throws BindingError ATTACHMENT_INVALID */
export function attachmentFromWire(message: wire.Attachment | undefined): Attachment {
  const attachment = required(message, "the attachment");
  const { deviceInfo } = attachment;
  const pod = required(attachment.pod, "the pod's link");
  const resolvConf: ResolvConf = required(attachment.resolvConf, "the resolver");
  return {
    ...nicFromWire(attachment.nic),
    cause: oneOf(attachment.cause, ["boot", "migrationTarget", "hotplug"], "the cause"),
    mac: attachment.mac,
    index: attachment.index,
    queues: attachment.queues,
    pod: {
      ...defined(pod),
      name: pod.name,
      mac: pod.mac,
      mtu: pod.mtu,
      addresses: pod.addresses,
      routes: pod.routes.map(routeFromWire),
    },
    ...defined({ deviceInfo: deviceInfo && { ...defined(deviceInfo), type: deviceInfo.type } }),
    allocatedDevices: attachment.allocatedDevices,
    names: required(attachment.names, "the reserved names"),
    resolvConf,
    hostname: attachment.hostname,
    migrationTransport: oneOf(attachment.migrationTransport, ["unix", "ports"], "the migration transport"),
    ...defined({ libvirtVersion: attachment.libvirtVersion }),
  };
}
