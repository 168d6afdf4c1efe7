import type { KubevirtConfiguration, Vm, Vmi, VmiInterface, VmiNetwork } from "../api.ts";
import { sameValue } from "../values/same-value.ts";
import { isGateOn, type KubevirtMinor, NEWEST_KUBEVIRT } from "../versions.ts";
import { interfacesOf, networksOf } from "../vmi.ts";

/** True where a running VM takes another NetworkAttachmentDefinition without a restart: it moves to another pod instead. */
export function takesNewDefinition(vmi: Vmi, configuration: KubevirtConfiguration, version: KubevirtMinor): boolean {
  const migratable =
    vmi.status?.conditions?.some(({ type, status }) => type === "LiveMigratable" && status === "True") === true;
  return migratable && isGateOn("LiveUpdateNADRef", version, configuration.developerConfiguration);
}

/**
 * A part of a VM as KubeVirt's API keeps it: what is empty, zero or false is not written. A boot order is: 0 is one there.
 */
function written(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(written);
  if (value === null || typeof value !== "object") return value;
  const isWritten = ([key, inner]: readonly [string, unknown]): boolean =>
    (inner !== "" && inner !== 0 && inner !== false) || key === "bootOrder";
  return Object.fromEntries(
    Object.entries(value)
      .filter(isWritten)
      .map(([key, inner]) => [key, written(inner)]),
  );
}

const withoutState = ({ state: _, ...nic }: VmiInterface): object => nic;
const withoutDefinition = (network: VmiNetwork): object =>
  network.multus === undefined ? network : { ...network, multus: { ...network.multus, networkName: "" } };

/**
 * True where what a VM says of its networks takes a restart of its running instance: a NIC or network that is gone or
 * other than it was, but for a NIC's state and a network's definition. Source: reference, section 5.5.
 */
export function restartRequired(
  vm: Vm,
  vmi: Vmi,
  configuration: KubevirtConfiguration = {},
  version: KubevirtMinor = NEWEST_KUBEVIRT,
): boolean {
  const [networks, interfaces] = [networksOf(vm.spec.template), interfacesOf(vm.spec.template)];
  const ofNetwork = takesNewDefinition(vmi, configuration, version)
    ? withoutDefinition
    : (network: VmiNetwork): object => network;
  const changed = <T extends { readonly name: string }>(
    running: readonly T[],
    desired: readonly T[],
    part: (value: T) => object,
  ): boolean =>
    running.some((one) => {
      const other = desired.find(({ name }) => name === one.name);
      return other === undefined || !sameValue(written(part(one)), written(part(other)));
    });
  const hasPod = (list: readonly VmiNetwork[]): boolean => list.some(({ pod }) => pod !== undefined);
  const running = networksOf(vmi);
  return (
    changed(interfacesOf(vmi), interfaces, withoutState) ||
    changed(running, networks, ofNetwork) ||
    (version >= 8 && hasPod(networks) && !hasPod(running))
  );
}
