import { type Attachment, BindingError } from "@netbind/contract";
import { derivedNames, nicMac, nicSpec, tapQueues, type Vmi } from "@netbind/kubevirt";
import { guestResolver } from "@netbind/kubevirt/pod";

/** What a vector may say of a pod; the rest is assumed. */
export interface PodFacts {
  readonly index?: number;
  readonly link?: string;
  readonly mac?: string;
  readonly mtu?: number;
  readonly addresses?: readonly string[];
  readonly routes?: Attachment["pod"]["routes"];
  readonly search?: readonly string[];
  readonly libvirtVersion?: string;
  readonly migrationTransport?: Attachment["migrationTransport"];
}

/** A NIC's attachment, from a VMI and what is known of its pod. @throws BindingError where the VM has no such NIC */
export function attachmentFor(vmi: Vmi, name: string, facts: PodFacts = {}): Attachment {
  const interfaces = vmi.spec.domain.devices.interfaces ?? [];
  const nic = interfaces.find((candidate) => candidate.name === name);
  const network = vmi.spec.networks?.find((candidate) => candidate.name === name) ?? { name, pod: {} };
  if (nic === undefined) throw new BindingError("ATTACHMENT_INVALID", `there is no interface "${name}"`, "name one");
  const link = facts.link ?? "eth0";
  const resolver = guestResolver("nameserver 10.96.0.10\n");
  return {
    ...nicSpec(vmi, nic, network),
    cause: "boot",
    mac: nicMac(vmi, nic),
    index: facts.index ?? interfaces.indexOf(nic),
    queues: tapQueues(vmi, name, nic.model || "virtio"),
    allocatedDevices: [],
    pod: {
      name: link,
      mac: facts.mac ?? "0a:58:0a:f4:01:09",
      mtu: facts.mtu ?? 1500,
      addresses: facts.addresses ?? ["10.244.1.9/24"],
      routes: facts.routes ?? [],
    },
    names: derivedNames(network, link),
    resolvConf: { ...resolver, search: facts.search ?? resolver.search },
    hostname: vmi.metadata.name,
    migrationTransport: facts.migrationTransport ?? "unix",
    ...(facts.libvirtVersion === undefined ? {} : { libvirtVersion: facts.libvirtVersion }),
  };
}
