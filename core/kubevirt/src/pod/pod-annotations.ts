import { defined } from "@netbind/contract";
import type { KubevirtConfiguration, NetworkAttachmentDefinition, Vmi, VmiInterface } from "../api.ts";
import { hashedLinkNames, isOrdinalName, isSecondary, linkNamesOfPod, ordinalLinkNames } from "../nic/names.ts";
import { parseNadReference } from "./nads.ts";
import { linksOf, NETWORK_STATUS, type NetworkStatus, parseNetworkStatus, statusOfLink } from "./network-status.ts";
import { isGateOn, type KubevirtMinor, NEWEST_KUBEVIRT } from "../versions.ts";
import { interfacesOf, interfaceStatusOf, networkOf, networksOf, registrationOf } from "../vmi.ts";

/** What multus is asked for. */
export const NETWORKS_ANNOTATION = "k8s.v1.cni.cncf.io/networks";
/** What replaces the cluster's network. */
export const DEFAULT_NETWORK = "v1.multus-cni.io/default-network";
/** What a launcher and its sidecars receive about the pod's devices. */
export const NETWORK_INFO_ANNOTATION = "kubevirt.io/network-info";

/** The annotations of a pod that are looked at. */
export interface AnnotatedPod {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
}

/**
 * What multus is asked for, for some interfaces in their order: each secondary network under the name of its link, and
 * behind it the plugin's own definition, which makes no link. The order of the keys is the annotation's. Undefined where
 * nothing is asked for.
 */
export function networksAnnotation(
  vmi: Vmi,
  interfaces: readonly VmiInterface[],
  configuration: KubevirtConfiguration,
  links: ReadonlyMap<string, string>,
): string | undefined {
  const elements = interfaces.flatMap((nic) => {
    const network = networkOf(vmi, nic.name);
    const plugin = registrationOf(configuration, nic.binding?.name)?.networkAttachmentDefinition;
    if (network === undefined) return [];
    const reference = (text: string): NetworkAttachmentDefinition["metadata"] => {
      const { name, namespace } = parseNadReference(text, vmi.metadata.namespace);
      return { name, namespace };
    };
    return [
      ...(network.multus !== undefined && isSecondary(network)
        ? [
            {
              ...reference(network.multus.networkName),
              ...defined({ mac: nic.macAddress || undefined }),
              interface: links.get(network.name),
            },
          ]
        : []),
      ...(plugin ? [{ ...reference(plugin), "cni-args": { logicNetworkName: network.name } }] : []),
    ];
  });
  return elements.length === 0 ? undefined : JSON.stringify(elements);
}

const interfacesInPod = (vmi: Vmi): readonly VmiInterface[] =>
  interfacesOf(vmi).filter(({ state }) => state !== "absent");

/** The annotations with which a launcher pod is created, as far as networks are concerned. */
export function annotationsAtCreation(vmi: Vmi, configuration: KubevirtConfiguration): Record<string, string> {
  const networks = networksAnnotation(vmi, interfacesInPod(vmi), configuration, hashedLinkNames(networksOf(vmi)));
  const replacement = networksOf(vmi).find(({ multus }) => multus?.default === true)?.multus?.networkName;
  return {
    ...defined({ [NETWORKS_ANNOTATION]: networks, [DEFAULT_NETWORK]: replacement }),
  };
}

const statusesOf = (pod: AnnotatedPod): readonly NetworkStatus[] =>
  parseNetworkStatus(pod.metadata.annotations?.[NETWORK_STATUS]);

/** True where the launcher needs the NIC's device. */
export const takesDeviceInfo = (nic: VmiInterface, configuration: KubevirtConfiguration): boolean =>
  nic.sriov !== undefined || registrationOf(configuration, nic.binding?.name)?.downwardAPI === "device-info";

/** The annotation that lists a launcher's devices; undefined where none is reported yet. Sorted by network. */
export function networkInfo(
  vmi: Vmi,
  configuration: KubevirtConfiguration,
  statuses: readonly NetworkStatus[],
): string | undefined {
  const links = linkNamesOfPod(networksOf(vmi), linksOf(statuses));
  const entries = interfacesOf(vmi)
    .filter((nic) => takesDeviceInfo(nic, configuration))
    .flatMap(({ name }) => {
      const status = statusOfLink(statuses, links.get(name) ?? "");
      if (status === undefined) return [];
      const { "device-info": deviceInfo, mac, mtu } = status;
      return [
        {
          network: name,
          ...defined({ deviceInfo: deviceInfo || undefined, mac: mac || undefined, mtu: mtu || undefined }),
        },
      ];
    })
    .sort((a, b) => (a.network < b.network ? -1 : 1));
  return entries.length === 0 ? undefined : JSON.stringify({ interfaces: entries });
}

/** True for a NIC whose plugin is not registered: what multus must attach for it is not known. */
const isUnknown = (nic: VmiInterface, configuration: KubevirtConfiguration): boolean =>
  nic.binding !== undefined && registrationOf(configuration, nic.binding?.name) === undefined;

/**
 * The annotations of a running pod that must change: what multus is asked for, where a NIC is to be added or taken out;
 * and the devices that are reported. An SR-IOV NIC that is not in the pod is added by a migration only; while a plugin is
 * not registered, nothing else is asked for.
 */
export function annotationsOfRunningPod(
  vmi: Vmi,
  configuration: KubevirtConfiguration,
  pod: AnnotatedPod,
): Record<string, string> {
  const statuses = statusesOf(pod);
  const known = (nic: VmiInterface): boolean => interfaceStatusOf(vmi, nic.name) !== undefined;
  const desired = interfacesInPod(vmi).filter((nic) => nic.sriov === undefined || known(nic));
  const changed = desired.some((nic) => !known(nic)) || interfacesOf(vmi).some(({ state }) => state === "absent");
  const isClear = !desired.some((nic) => isUnknown(nic, configuration));
  const links = linkNamesOfPod(networksOf(vmi), linksOf(statuses));
  const networks = changed && isClear ? (networksAnnotation(vmi, desired, configuration, links) ?? "") : undefined;
  const info = networkInfo(vmi, configuration, statuses);
  const found = {
    ...defined({ [NETWORKS_ANNOTATION]: networks, [NETWORK_INFO_ANNOTATION]: info }),
  };
  const current = pod.metadata.annotations ?? {};
  return Object.fromEntries(Object.entries(found).filter(([key, value]) => (current[key] ?? "") !== value));
}

/**
 * What a migration target's annotations have other than those of any new pod: with the upgrade of names switched off, a
 * source with ordinal names keeps them.
 */
export function annotationsOfMigrationTarget(
  vmi: Vmi,
  configuration: KubevirtConfiguration,
  source: AnnotatedPod,
  version: KubevirtMinor = NEWEST_KUBEVIRT,
): Record<string, string> {
  const upgrade = isGateOn("PodSecondaryInterfaceNamingUpgrade", version, configuration.developerConfiguration);
  if (upgrade || !linksOf(statusesOf(source)).some(isOrdinalName)) return {};
  const networks = networksAnnotation(vmi, interfacesOf(vmi), configuration, ordinalLinkNames(networksOf(vmi)));
  return networks === undefined ? {} : { [NETWORKS_ANNOTATION]: networks };
}
