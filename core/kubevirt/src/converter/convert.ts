import { defined } from "@netbind/contract";
import type { Machine, NicDomain } from "@netbind/domain";
import type { KubevirtConfiguration, Vmi, VmiInterface, VmiNetwork } from "../api.ts";
import { parseHardwareAddress } from "../nic/hardware-address.ts";
import { derivedNames, ordinalLinkNames, podLinkName } from "../nic/names.ts";
import { nicQueues } from "../nic/queues.ts";
import { isWrittenOnTap } from "../registration/resolve-binding.ts";
import { interfacesOf, networksOf, registrationOf } from "../vmi.ts";

/** A link of the pod, as far as a domain is concerned. */
export interface DomainLink {
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
}

/** How KubeVirt itself attaches each NIC to the domain: by a tap, or not at all. By interface name. */
export function domainAttachments(vmi: Vmi, configuration: KubevirtConfiguration): ReadonlyMap<string, "tap"> {
  const attaches = ({ bridge, masquerade, binding }: VmiInterface): boolean => {
    if (bridge !== undefined || masquerade !== undefined) return true;
    return isWrittenOnTap(registrationOf(configuration, binding?.name)?.domainAttachmentType);
  };
  return new Map(
    interfacesOf(vmi)
      .filter(attaches)
      .map(({ name }) => [name, "tap"]),
  );
}

/** What a NIC has in its domain before its pod's links are known. */
export const nicBeforePod = (vmi: Vmi, nic: VmiInterface, machine: Machine): NicDomain => ({
  name: nic.name,
  model: nic.model || "virtio",
  transitional: vmi.spec.domain.devices.useVirtioTransitional === true,
  queues: nicQueues(vmi.spec, nic.model || "virtio"),
  ...defined({
    mac: nic.macAddress || undefined,
    pciAddress: nic.pciAddress || undefined,
    bootOrder: nic.bootOrder,
    acpiIndex: nic.acpiIndex !== undefined && nic.acpiIndex > 0 ? nic.acpiIndex : undefined,
  }),
  linkDown: nic.state === "down",
  backend: "vhost",
  machine,
});

/** The pod's link of a network: by the name that its status reports, else by either scheme's. */
function podLink(vmi: Vmi, network: VmiNetwork, links: readonly DomainLink[]): DomainLink | undefined {
  const names = [podLinkName(vmi, network), ordinalLinkNames(networksOf(vmi)).get(network.name)];
  return names.flatMap((name) => links.filter((link) => link.name === name))[0];
}

/**
 * What a NIC on a tap has in its domain once its pod's links are known: the MAC address that it gets where its author
 * named none, the MTU, and the link that it is on - the tap, or the pod's own link where there is no tap (a macvtap).
 * Undefined where its pod link is missing or its address is none.
 */
export function nicOnTap(
  nic: NicDomain,
  vmi: Vmi,
  network: VmiNetwork,
  links: readonly DomainLink[],
): NicDomain | undefined {
  const link = podLink(vmi, network, links);
  const mac = nic.mac === undefined ? link?.mac : parseHardwareAddress(nic.mac)?.join(":");
  if (link === undefined || mac === undefined) return undefined;
  const { tap } = derivedNames(network, link.name);
  return { ...nic, mac, mtu: link.mtu, tap: links.some(({ name }) => name === tap) ? tap : link.name };
}
