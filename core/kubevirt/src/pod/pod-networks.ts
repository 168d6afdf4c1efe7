import { defined, normalizeMac, type Violation, violation } from "@netbind/contract";
import type { KubevirtConfiguration, NetworkAttachmentDefinition, Vmi, VmiInterface, VmiNetwork } from "../api.ts";
import { findNad, parseNadReference, resourceNameOf } from "./nads.ts";
import { isPrimary, isSecondary, nicNames } from "../nic/names.ts";
import { type CniConfigList, nadConfig } from "./cni-config.ts";
import { INTERFACES_PATH, interfacesOf, NETWORKS_PATH, networksOf, registrationOf } from "../vmi.ts";

/** One attachment that a pod gets, as multus would make it. */
export interface PodNetworkRequest {
  /** Logical name of the network. */
  readonly network: string;
  /** Name of the link in the pod: `eth0`, `pod` and eleven digits, or `net` and a number for a binding's own definition. */
  readonly ifname: string;
  /** Absent for the cluster's own pod network. */
  readonly config?: CniConfigList;
  /** True for a multus network that replaces the pod network: it must return an address. */
  readonly replacesPodNetwork: boolean;
  /** The MAC address that the link is to have. */
  readonly mac?: string;
  /** Arguments for the plugin (`args.cni`). */
  readonly cniArgs?: Readonly<Record<string, string>>;
  /** The device plugin's resource of which the link takes one; absent where it takes none. */
  readonly resourceName?: string;
  /** Where in the VMI it is asked for. */
  readonly field: string;
}

/** What a pod is attached to, or everything that prevents it. */
export interface PodNetworks {
  readonly networks: readonly PodNetworkRequest[];
  readonly violations: readonly Violation[];
}

interface NadContext {
  readonly namespace: string;
  readonly nads: readonly NetworkAttachmentDefinition[];
}

/** What a definition says, for a request that names it. */
type Found = Pick<PodNetworkRequest, "config" | "resourceName"> | Violation;

function find(reference: string, field: string, { namespace, nads }: NadContext): Found {
  const desired = parseNadReference(reference, namespace);
  const shown = `${desired.namespace}/${desired.name}`;
  const nad = findNad(desired, nads);
  if (nad === undefined)
    return violation(
      field,
      `no NetworkAttachmentDefinition ${shown} is in the input`,
      "add the definition with -f, or name another",
    );
  const read = nadConfig(nad);
  if ("problem" in read)
    return violation(
      field,
      `NetworkAttachmentDefinition ${shown} cannot be read: ${read.problem}`,
      "correct the definition",
    );
  const resourceName = resourceNameOf(nad);
  return { config: read.config, ...defined({ resourceName: resourceName || undefined }) };
}

function ofNetwork(
  network: VmiNetwork,
  at: number,
  { macAddress }: VmiInterface,
  context: NadContext,
): PodNetworkRequest | Violation {
  const field = `${NETWORKS_PATH}[${at}]`;
  const base = {
    network: network.name,
    ifname: nicNames(network).pod,
    replacesPodNetwork: network.multus?.default === true,
  };
  if (network.multus === undefined) return { ...base, field: `${field}.pod` };
  const path = `${field}.multus.networkName`;
  const found = find(network.multus.networkName, path, context);
  if ("problem" in found) return found;
  const mac = isSecondary(network) && macAddress !== undefined ? normalizeMac(macAddress) : undefined;
  return { ...base, ...found, ...defined({ mac }), field: path };
}

/**
 * What a pod is attached to, in multus' order: the primary network first, then every other network in the order of its
 * interface, each followed by what its binding's registration asks for.
 */
export function podNetworks(
  vmi: Vmi,
  configuration: KubevirtConfiguration,
  nads: readonly NetworkAttachmentDefinition[],
): PodNetworks {
  const context = { namespace: vmi.metadata.namespace, nads };
  const pairs = interfacesOf(vmi).flatMap((nic, at) => {
    const index = networksOf(vmi).findIndex(({ name }) => name === nic.name);
    const network = networksOf(vmi)[index];
    return network === undefined || nic.state === "absent" || network.resourceClaim !== undefined
      ? []
      : [{ nic, at, network, index }];
  });
  const primary = pairs
    .filter(({ network }) => isPrimary(network))
    .map(({ nic, network, index }) => ofNetwork(network, index, nic, context));
  const others: (PodNetworkRequest | Violation)[] = [];
  for (const { nic, at, network, index } of pairs) {
    if (!isPrimary(network)) others.push(ofNetwork(network, index, nic, context));
    const reference = registrationOf(configuration, nic.binding?.name)?.networkAttachmentDefinition;
    if (!reference) continue;
    const field = `${INTERFACES_PATH}[${at}].binding.name`;
    const own = find(reference, field, context);
    // It makes no link: the name is the one that multus makes up.
    const ifname = `net${others.length + 1}`;
    const rest = {
      network: network.name,
      ifname,
      replacesPodNetwork: false,
      cniArgs: { logicNetworkName: network.name },
      field,
    };
    others.push("problem" in own ? own : { ...rest, ...own });
  }
  const all = [...primary, ...others];
  return {
    networks: all.filter((one): one is PodNetworkRequest => !("problem" in one)),
    violations: all.filter((one): one is Violation => "problem" in one),
  };
}
