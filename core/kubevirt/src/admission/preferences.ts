import type { KubevirtConfiguration, Vmi, VmiInterface, VmiSpec } from "../api.ts";
import { interfacesOf, networkOf, withInterfaces } from "../vmi.ts";
import { defaultVmi } from "./default-vmi.ts";
import { OTHER_METHODS, REMOVED_BINDINGS } from "./translate-removed-bindings.ts";

/** What a VirtualMachinePreference, or one of the cluster's, gives its VMs, as far as networking goes. */
export interface Preference {
  readonly devices?: {
    readonly preferredAutoattachPodInterface?: boolean;
    readonly preferredInterfaceModel?: string;
    readonly preferredInterfaceMasquerade?: object;
    readonly preferredNetworkInterfaceMultiQueue?: boolean;
  };
  readonly cpu?: { readonly preferredCPUTopology?: string };
}

/** What a VirtualMachineInstancetype, or one of the cluster's, gives its VMs: how many queues their NICs have follows from it. */
export interface Instancetype {
  readonly cpu: { readonly guest: number };
  readonly memory: { readonly guest: string };
}

/** What a VM names beside its own spec. Absent: it names none, or none that is known. */
export interface NamedByVm {
  readonly preference?: Preference;
  readonly instancetype?: Instancetype;
}

type Devices = VmiSpec["domain"]["devices"];
type Cpu = NonNullable<VmiSpec["domain"]["cpu"]>;

/** True for an interface that names neither a core binding nor a plugin. */
export const isUnbound = (nic: VmiInterface): boolean =>
  [...OTHER_METHODS, ...REMOVED_BINDINGS].every((key) => nic[key] === undefined);

const withDevices = (vmi: Vmi, devices: Partial<Devices>): Vmi => {
  const { domain } = vmi.spec;
  return { ...vmi, spec: { ...vmi.spec, domain: { ...domain, devices: { ...domain.devices, ...devices } } } };
};

/** The virtual CPUs of an instancetype where the preference has them: in sockets where it says nothing. */
function topologyOf(guest: number, preference: Preference | undefined): Cpu {
  const one = { sockets: 1, cores: 1, threads: 1 };
  switch (preference?.cpu?.preferredCPUTopology) {
    case "preferCores":
    case "cores":
      return { ...one, cores: guest };
    case "preferThreads":
    case "threads":
      return { ...one, threads: guest };
    default:
      return { ...one, sockets: guest };
  }
}

/** A VMI with an instancetype's CPUs and memory, where it has none of its own: KubeVirt refuses both. */
function withInstancetype(vmi: Vmi, { preference, instancetype }: NamedByVm): Vmi {
  if (instancetype === undefined) return vmi;
  const { domain } = vmi.spec;
  const { sockets, cores, threads } = domain.cpu ?? {};
  const isOwn = sockets !== undefined || cores !== undefined || threads !== undefined;
  const cpu = isOwn ? domain.cpu : { ...domain.cpu, ...topologyOf(instancetype.cpu.guest, preference) };
  const memory = { guest: instancetype.memory.guest, ...domain.memory };
  return { ...vmi, spec: { ...vmi.spec, domain: { ...domain, ...(cpu === undefined ? {} : { cpu }), memory } } };
}

/** An interface with what is preferred of it where it says nothing: masquerade serves the pod network alone. */
function preferred(nic: VmiInterface, vmi: Vmi, { devices = {} }: Preference): VmiInterface {
  const { preferredInterfaceModel: model, preferredInterfaceMasquerade: masquerade } = devices;
  const takesMasquerade = masquerade !== undefined && isUnbound(nic) && networkOf(vmi, nic.name)?.pod !== undefined;
  return { ...nic, ...(model && !nic.model ? { model } : {}), ...(takesMasquerade ? { masquerade } : {}) };
}

/**
 * A VMI as KubeVirt makes it of a VM that names a preference or an instancetype: whether there is a default NIC is
 * preferred first, then that NIC is made, then all else is filled in where the VM says nothing. Source: reference, section 2.3.
 */
export function applyNamed(vmi: Vmi, named: NamedByVm, configuration: KubevirtConfiguration): Vmi {
  const sized = withInstancetype(vmi, named);
  const { preference } = named;
  if (preference === undefined) return sized;
  const { preferredAutoattachPodInterface: attach, preferredNetworkInterfaceMultiQueue: multiqueue } =
    preference.devices ?? {};
  const { autoattachPodInterface, networkInterfaceMultiqueue } = vmi.spec.domain.devices;
  const attached =
    attach !== undefined && autoattachPodInterface === undefined
      ? withDevices(sized, { autoattachPodInterface: attach })
      : sized;
  const completed = defaultVmi(attached, configuration).vmi;
  const queued =
    multiqueue !== undefined && networkInterfaceMultiqueue === undefined
      ? withDevices(completed, { networkInterfaceMultiqueue: multiqueue })
      : completed;
  const nics = interfacesOf(queued);
  return nics.length === 0
    ? queued
    : withInterfaces(
        queued,
        nics.map((nic) => preferred(nic, queued, preference)),
      );
}
