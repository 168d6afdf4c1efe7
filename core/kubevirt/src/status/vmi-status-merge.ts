import { addressOf, defined, parseAddress } from "@netbind/contract";
import type { Vmi, VmiStatusInterface } from "../api.ts";
import { parseHardwareAddress } from "../nic/hardware-address.ts";
import { addInfoSource, hasInfoSource } from "./info-source.ts";
import { interfaceOf, interfaceStatusOf, networksOf } from "../vmi.ts";
import { isPrimary } from "../nic/names.ts";

/** A NIC of the running domain. */
export interface DomainNicState {
  /** The logical name, from the device's alias. */
  readonly name: string;
  readonly mac?: string;
  readonly kind: "interface" | "hostdev";
  /** The queues of its driver; absent where the domain says none. */
  readonly queues?: number;
  readonly linkDown?: boolean;
}

/** A NIC as the guest's agent reports it. */
export interface AgentNic {
  readonly mac: string;
  readonly interfaceName?: string;
  /** Addresses, with or without prefix. */
  readonly addresses: readonly string[];
}

/** All that is known of a running VM's NICs beside its spec and its status so far. */
export interface RunningInputs {
  readonly domain: readonly DomainNicState[];
  /** The pod's addresses of each network, as they were when it was set up: the cluster's first family first. */
  readonly podAddresses: ReadonlyMap<string, readonly string[]>;
  /** Undefined where no agent answers. */
  readonly agent?: readonly AgentNic[];
}

/** A guest has many links of its own: no more than these are reported. */
const MOST_GUEST_ONLY = 10;

const colons = (mac: string): string => parseHardwareAddress(mac)?.join(":") ?? mac;
const ofFamily = (addresses: readonly string[], family: 4 | 6): readonly string[] =>
  addresses.filter((address) => parseAddress(address)?.family === family);
const isLinkLocal = (address: string): boolean => /^(169\.254\.|fe[89ab])/i.test(address);

function withAddresses(entry: VmiStatusInterface, addresses: readonly string[]): VmiStatusInterface {
  const { ipAddress: _, ipAddresses: __, ...rest } = entry;
  const [first] = addresses;
  return first === undefined ? rest : { ...rest, ipAddress: first, ipAddresses: addresses };
}

/** An entry from the domain: a link that says nothing is up, a device of the host's has neither queues nor link. */
function domainEntry({ name, mac, kind, queues, linkDown }: DomainNicState, vmi: Vmi): VmiStatusInterface {
  const written = kind === "hostdev" ? interfaceOf(vmi, name)?.macAddress : mac;
  return {
    name,
    ...defined({ mac: written ? colons(written) : undefined }),
    infoSource: "domain",
    ...(kind === "hostdev" ? {} : { queueCount: queues ?? 1, linkState: linkDown === true ? "down" : "up" }),
  };
}

/** What the pod has is reported where both have a family; where one lacks it, what the guest has. */
function mergeAddresses(pod: readonly string[], guest: readonly string[], masquerades: boolean): readonly string[] {
  const reported = guest.map(addressOf).filter((address) => !masquerades || !isLinkLocal(address));
  return ([4, 6] as const).flatMap((family) => {
    const [ofPod, ofGuest] = [ofFamily(pod, family), ofFamily(reported, family)];
    return ofPod.length > 0 && ofGuest.length > 0 ? ofPod : ofGuest;
  });
}

function mergeAgent(
  entries: readonly VmiStatusInterface[],
  agent: readonly AgentNic[],
  vmi: Vmi,
): readonly VmiStatusInterface[] {
  const byMac = new Map(agent.map((nic) => [colons(nic.mac), nic]));
  const masquerades = (name: string | undefined): boolean => interfaceOf(vmi, name)?.masquerade !== undefined;
  const merged = entries.map((entry) => {
    const reported = entry.mac === undefined ? undefined : byMac.get(entry.mac);
    if (reported === undefined) return entry;
    const addressed = withAddresses(
      entry,
      mergeAddresses(entry.ipAddresses ?? [], reported.addresses, masquerades(entry.name)),
    );
    return reported.interfaceName
      ? {
          ...addressed,
          interfaceName: reported.interfaceName,
          infoSource: addInfoSource(entry.infoSource, "guest-agent"),
        }
      : addressed;
  });
  const known = new Set(entries.flatMap(({ mac }) => (mac === undefined ? [] : [mac])));
  const guestOnly = agent
    .filter(({ mac }) => !known.has(colons(mac)))
    .slice(0, MOST_GUEST_ONLY)
    .map(({ mac, interfaceName, addresses }) =>
      withAddresses(
        { mac: colons(mac), ...defined({ interfaceName: interfaceName || undefined }), infoSource: "guest-agent" },
        addresses.map(addressOf),
      ),
    );
  return [...merged, ...guestOnly];
}

/** The primary network's entry is the first: `kubectl get vmi` shows the first one's address. */
function primaryFirst(entries: readonly VmiStatusInterface[], vmi: Vmi): readonly VmiStatusInterface[] {
  const network = networksOf(vmi).find(isPrimary);
  if (network === undefined) return entries;
  const entry = entries.find(({ name }) => name === network.name);
  const first = entry ?? (interfaceStatusOf(vmi, network.name) && { name: network.name });
  return first === undefined ? entries : [first, ...entries.filter((other) => other !== entry)];
}

/**
 * `status.interfaces` of a running VM: its domain's NICs, with the pod's addresses, and what the guest's agent reports,
 * paired by MAC address. What the pod's report gave stays. Source: reference, sections 6.2 and 6.3; where KubeVirt is
 * wrong (section 8), this is right: MAC addresses are compared as numbers, and a multus default network comes first
 * too.
 */
export function interfacesOfRunning(vmi: Vmi, inputs: RunningInputs): readonly VmiStatusInterface[] {
  const current = vmi.status?.interfaces ?? [];
  if (inputs.domain.length === 0) return current;
  const inDomain = inputs.domain
    .map((nic) => domainEntry(nic, vmi))
    .map((entry) => withAddresses(entry, inputs.podAddresses.get(entry.name ?? "") ?? []));
  const merged = inputs.agent === undefined ? inDomain : mergeAgent(inDomain, inputs.agent, vmi);
  const inSpec = (name: string | undefined): boolean => interfaceOf(vmi, name) !== undefined;
  const reported = current.filter(({ name, infoSource }) => inSpec(name) && hasInfoSource(infoSource, "multus-status"));
  const isReported = (name: string | undefined): boolean =>
    name !== undefined && reported.some((entry) => entry.name === name);
  const sourced = merged.map((entry) =>
    isReported(entry.name) ? { ...entry, infoSource: addInfoSource(entry.infoSource, "multus-status") } : entry,
  );
  const missing = reported
    .filter(({ name }) => !merged.some((entry) => entry.name === name))
    .map(({ name }): VmiStatusInterface => ({ ...defined({ name }), infoSource: "multus-status" }));
  return primaryFirst([...sourced, ...missing], vmi).map((entry) => {
    const link = entry.name ? current.find(({ name }) => name === entry.name)?.podInterfaceName : undefined;
    return link ? { ...entry, podInterfaceName: link } : entry;
  });
}
