import type { KubevirtConfiguration, Vm, Vmi, VmiInterface, VmiNetwork, VmiSpec } from "../api.ts";
import { isOrdinalName, isSecondary } from "../nic/names.ts";
import { takesNewDefinition } from "./restart-required.ts";
import { type KubevirtMinor, NEWEST_KUBEVIRT } from "../versions.ts";
import { interfaceOf, interfacesOf, interfaceStatusOf, networksOf, registrationOf } from "../vmi.ts";

/** The networks and interfaces of a VM's instance or of its template. */
export interface NicLists {
  readonly networks: readonly VmiNetwork[];
  readonly interfaces: readonly VmiInterface[];
}

const listsOf = (spec: VmiSpec): NicLists => ({ networks: networksOf({ spec }), interfaces: interfacesOf({ spec }) });
const named = <T extends { readonly name: string }>(list: readonly T[], name: string): T | undefined =>
  list.find((one) => one.name === name);

/** True for a NIC that can be added to a running VM: KubeVirt adds no others, and says nothing of it. */
export const isHotPluggable = ({ bridge, sriov, state }: VmiInterface): boolean =>
  state !== "absent" && (bridge !== undefined || sriov !== undefined);

/** True where a pod's links have ordinal names, or where they are unknown: a NIC is removed from others only. */
export function hasOrdinalNames(vmi: Vmi): boolean {
  const known = networksOf(vmi)
    .filter(isSecondary)
    .flatMap(({ name }) => {
      const reported = interfaceStatusOf(vmi, name)?.podInterfaceName;
      return reported ? [reported] : [];
    });
  return known[0] === undefined || isOrdinalName(known[0]);
}

/** The state that a running NIC gets: what its template says, but that nothing brings back what is being taken out. */
function nextState(nic: VmiInterface, desired: VmiInterface | undefined, ordinal: boolean): VmiInterface {
  if (desired === undefined || nic.state === "absent" || (desired.state ?? "") === (nic.state ?? "")) return nic;
  if (desired.state === "absent" && ordinal) return nic;
  const { state: _, ...rest } = nic;
  return desired.state === undefined ? rest : { ...rest, state: desired.state };
}

/**
 * The networks and interfaces that a running instance gets from its VM's template: NICs that can be added to it, states,
 * other NetworkAttachmentDefinitions; without the absent ones that are gone. Source: reference, section 5.4.
 */
export function liveUpdate(
  vm: Vm,
  vmi: Vmi,
  configuration: KubevirtConfiguration = {},
  version: KubevirtMinor = NEWEST_KUBEVIRT,
): NicLists {
  const template = listsOf(vm.spec.template.spec);
  const running = listsOf(vmi.spec);
  const ordinal = hasOrdinalNames(vmi);
  const isThere = (name: string): boolean => interfaceStatusOf(vmi, name) !== undefined;
  const renewed = running.interfaces
    .map((nic) => nextState(nic, named(template.interfaces, nic.name), ordinal))
    .filter((nic) => nic.state !== "absent" || isThere(nic.name));
  const added = template.interfaces.filter(
    (nic) => named(running.interfaces, nic.name) === undefined && isHotPluggable(nic),
  );
  const interfaces = [...renewed, ...added];
  const newDefinition = takesNewDefinition(vmi, configuration, version);
  const known = [
    ...running.networks,
    ...template.networks.filter(({ name }) => named(running.networks, name) === undefined),
  ];
  const networks = known
    .filter(({ name }) => named(interfaces, name) !== undefined)
    .map((network) => {
      const desired = named(template.networks, network.name)?.multus;
      if (!newDefinition || network.multus === undefined || desired === undefined) return network;
      return { ...network, multus: { ...network.multus, networkName: desired.networkName } };
    });
  return { networks, interfaces };
}

/**
 * A VM's template without the absent NICs that are gone: of its instance's spec and of its status, or, where it does not
 * run, at once. Source: reference, section 5.4.
 */
export function withoutAbsent(vm: Vm, vmi: Vmi | undefined): NicLists {
  const { networks, interfaces } = listsOf(vm.spec.template.spec);
  const isUsed = (name: string): boolean =>
    vmi !== undefined && (interfaceOf(vmi, name) !== undefined || interfaceStatusOf(vmi, name) !== undefined);
  const kept = interfaces.filter(({ name, state }) => state !== "absent" || isUsed(name));
  const dropped = new Set(interfaces.filter((nic) => !kept.includes(nic)).map(({ name }) => name));
  return { interfaces: kept, networks: networks.filter(({ name }) => !dropped.has(name)) };
}

/**
 * The NICs whose link is set down and up once a migration has ended, so that their guests request an address again:
 * those of plugins that are registered for it. Source: reference, section 5.2.
 */
export function linksToRefresh(vmi: Vmi, configuration: KubevirtConfiguration): readonly string[] {
  return interfacesOf(vmi)
    .filter(({ binding }) => registrationOf(configuration, binding?.name)?.migration?.method === "link-refresh")
    .map(({ name }) => name);
}
