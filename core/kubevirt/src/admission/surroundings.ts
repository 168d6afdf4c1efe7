import { normalizeMac } from "@netbind/contract";
import type { CloudInitSource, NetworkAttachmentDefinition, Vmi, VmiInterface } from "../api.ts";
import { bindingName } from "../nic/nic-spec.ts";
import { knownLinkOf } from "../pod/cni-plugins.ts";
import { nadOf, parseNadReference } from "../pod/nads.ts";
import type { DeviceSettings } from "../referenced-data.ts";
import { interfacesOf, networkOf } from "../vmi.ts";

/** A port of a Service, with Kubernetes' defaults filled in. */
export interface ServicePort {
  /** `TCP` where the Service names none. */
  readonly protocol: string;
  /** A number, or a port's name in the pod; the Service's own port where it names none. */
  readonly targetPort: number | string;
}

/** A Service that selects pods (`v1`). */
export interface Service {
  readonly namespace: string;
  readonly name: string;
  /** Never empty: a Service without one selects nothing. */
  readonly selector: Readonly<Record<string, string>>;
  readonly ports: readonly ServicePort[];
}

/** What a cloud-init volume gives the guest. Absent: it gives nothing, or its Secret is not known. */
export interface GuestSetup {
  /** The network configuration as data, such as a mapping with `version` and `ethernets`. */
  readonly networkData?: unknown;
  /** The user data as it is written. */
  readonly userData?: string;
}

/** The first VM that has a MAC address on a network, as `<namespace>/<name>`, by `sharedMacKey`. */
export type MacOwners = ReadonlyMap<string, string>;

type KnownDefinitions = readonly NetworkAttachmentDefinition[] | undefined;

/** Where objects are looked for that VMs name, as sentences say it. */
export type Sources = "the input" | "the input or the cluster";

/** What else is known beside a VM, its cluster and its networks. Of what is absent nothing is said. */
export interface Surroundings {
  readonly macOwners?: MacOwners;
  readonly services?: readonly Service[];
  /** Reads a cloud-init volume of a namespace's VM; it never throws. */
  readonly guestSetupOf?: (source: CloudInitSource, namespace: string) => GuestSetup;
  /** What the ConfigMaps of device plugins say. */
  readonly deviceSettings?: DeviceSettings;
  /** Where the KubeVirt CR is looked for, and definitions that VMs name. Absent: in the input. */
  readonly sources?: Sources;
  /** False where no CR says what the cluster registers. Absent: it is known. */
  readonly isClusterKnown?: boolean;
}

/** CNI plugins that put links on a bridge of the node's, by its name: definitions of one bridge are one network. */
const ON_BRIDGE: ReadonlyMap<string, string> = new Map([
  ["bridge", "linux"],
  ["cnv-bridge", "linux"],
  ["ovs", "ovs"],
]);

/** The bridge and VLAN that a definition's links are on; undefined where it names none, or is not known. */
function bridgeOf(nad: NetworkAttachmentDefinition | undefined): string | undefined {
  const { type, config } = knownLinkOf(nad) ?? {};
  const kind = type === undefined ? undefined : ON_BRIDGE.get(type);
  const { bridge, vlan = 0 } =
    config?.plugins.find((plugin) => plugin.type === type) ?? ({} as Readonly<Record<string, unknown>>);
  return kind === undefined || typeof bridge !== "string"
    ? undefined
    : `${kind} bridge ${bridge} vlan ${JSON.stringify(vlan)}`;
}

/** Bindings behind which the network sees the pod's MAC address, not the guest's. */
const HIDES_MAC: readonly (string | undefined)[] = ["masquerade", "passt", "slirp"];

/**
 * What two NICs have in common that use one MAC address on one network; undefined for a NIC that names none, that the
 * network does not see by it, or that is on the pod network, where every pod has a link of its own.
 */
export function sharedMacKey(vmi: Vmi, nic: VmiInterface, nads: KnownDefinitions): string | undefined {
  const network = networkOf(vmi, nic.name);
  const networkName = network?.multus?.networkName;
  const mac = nic.macAddress === undefined ? undefined : normalizeMac(nic.macAddress);
  if (!networkName || mac === undefined || nic.state === "absent" || HIDES_MAC.includes(bindingName(nic)))
    return undefined;
  const { namespace, name } = parseNadReference(networkName, vmi.metadata.namespace);
  return `${bridgeOf(nadOf(network, vmi.metadata.namespace, nads)) ?? `${namespace}/${name}`} ${mac}`;
}

/** The first VM of each MAC address on a network. */
export function macOwnersOf(vmis: readonly Vmi[], nads: KnownDefinitions): MacOwners {
  const owners = new Map<string, string>();
  for (const vmi of vmis)
    for (const nic of interfacesOf(vmi)) {
      const key = sharedMacKey(vmi, nic, nads);
      if (key !== undefined && !owners.has(key)) owners.set(key, `${vmi.metadata.namespace}/${vmi.metadata.name}`);
    }
  return owners;
}
