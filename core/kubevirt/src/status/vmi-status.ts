import type { Vmi, VmiNetwork, VmiStatusInterface } from "../api.ts";
import { addInfoSource, removeInfoSource } from "./info-source.ts";
import { isPrimary, isSecondary, linkNamesOfPod, PRIMARY_LINK } from "../nic/names.ts";
import {
  linksOf,
  NETWORK_STATUS,
  type NetworkStatus,
  parseNetworkStatus,
  primaryLinkOf,
  statusOfLink,
} from "../pod/network-status.ts";
import type { AnnotatedPod } from "../pod/pod-annotations.ts";
import { interfaceStatusOf, networksOf } from "../vmi.ts";

const withSource = (entry: VmiStatusInterface, infoSource: string): VmiStatusInterface => {
  const { infoSource: _, ...rest } = entry;
  return infoSource === "" ? rest : { ...rest, infoSource };
};

/** The pod's first link: the one that the report marks as the default. */
const firstLink = (statuses: readonly NetworkStatus[]): string => primaryLinkOf(statuses) ?? PRIMARY_LINK;

function secondaryEntry(
  network: VmiNetwork,
  current: VmiStatusInterface | undefined,
  statuses: readonly NetworkStatus[],
  link: string,
): readonly VmiStatusInterface[] {
  if (statusOfLink(statuses, link) !== undefined) {
    const entry = { ...current, name: network.name, podInterfaceName: link };
    return [withSource(entry, addInfoSource(current?.infoSource, "multus-status"))];
  }
  return current === undefined
    ? []
    : [withSource({ ...current, podInterfaceName: link }, removeInfoSource(current.infoSource, "multus-status"))];
}

/**
 * `status.interfaces` of a VMI once its pod's links are reported: the default network first, then secondary networks in
 * the spec's order, then entries that other sources have, as they are. Source: reference, section 6.1.
 */
export function interfacesFromPod(vmi: Vmi, pod: AnnotatedPod): readonly VmiStatusInterface[] {
  const statuses = parseNetworkStatus(pod.metadata.annotations?.[NETWORK_STATUS]);
  const networks = networksOf(vmi);
  const current = vmi.status?.interfaces ?? [];
  const links = linkNamesOfPod(networks, linksOf(statuses));
  const primary = networks.find(isPrimary);
  const claimed = networks.filter(({ resourceClaim }) => resourceClaim !== undefined).map(({ name }) => name);
  return [
    ...(primary === undefined
      ? []
      : [{ ...interfaceStatusOf(vmi, primary.name), name: primary.name, podInterfaceName: firstLink(statuses) }]),
    ...networks
      .filter(isSecondary)
      .flatMap((network) =>
        secondaryEntry(network, interfaceStatusOf(vmi, network.name), statuses, links.get(network.name) ?? ""),
      ),
    ...current.filter(({ name }) => name !== undefined && claimed.includes(name)),
    ...current.filter(({ name }) => !networks.some((network) => network.name === name)),
  ];
}
