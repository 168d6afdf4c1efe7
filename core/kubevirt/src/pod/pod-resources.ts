import type { KubevirtConfiguration, NetworkAttachmentDefinition, Vmi, VmiInterface } from "../api.ts";
import { findNad, parseNadReference, resourceNameOf } from "./nads.ts";
import { parseQuantity } from "../values/quantity.ts";
import { type KubevirtMinor, NEWEST_KUBEVIRT } from "../versions.ts";
import { interfacesOf, networksOf, registrationOf } from "../vmi.ts";

const MEBIBYTE = 1024n * 1024n;
/** What KubeVirt adds once for its own passt, since 1.8. */
const PASST_OVERHEAD_BYTES = 250n * MEBIBYTE;
/** What it added until 1.2 for each passt NIC that forwards every port. */
const OLD_PASST_OVERHEAD_BYTES = 800n * MEBIBYTE;
/** Since this version a registration may ask for memory. */
const FIRST_WITH_REQUESTS = 3;

/** Bytes of KubeVirt's own passt, by the key of its version. */
function corePasstBytes(interfaces: readonly VmiInterface[], version: KubevirtMinor): bigint {
  if (version >= 8)
    return interfaces.some(({ passtBinding }) => passtBinding !== undefined) ? PASST_OVERHEAD_BYTES : 0n;
  const open = interfaces.filter(({ passt, ports }) => passt !== undefined && !ports?.length);
  return version <= 2 ? OLD_PASST_OVERHEAD_BYTES * BigInt(open.length) : 0n;
}

/**
 * Bytes that a VM's bindings cost its compute container beside the guest: each distinct plugin's registered request,
 * and KubeVirt's own passt's. A plugin that is not registered costs nothing here. Source: reference, 1.10 of pod rendering.
 */
export function memoryOverheadBytes(
  vmi: Vmi,
  configuration: KubevirtConfiguration,
  version: KubevirtMinor = NEWEST_KUBEVIRT,
): bigint {
  const interfaces = interfacesOf(vmi);
  const plugins = new Set(interfaces.flatMap(({ binding }) => (binding === undefined ? [] : [binding.name])));
  const requested = [...plugins].map((name) => {
    const memory = registrationOf(configuration, name)?.computeResourceOverhead?.requests?.["memory"];
    return memory === undefined ? 0n : (parseQuantity(String(memory)) ?? 0n);
  });
  const plugged = version >= FIRST_WITH_REQUESTS ? requested : [];
  return plugged.reduce((sum, bytes) => sum + bytes, corePasstBytes(interfaces, version));
}

/** The device resource of each multus network, by network name; or the definition that is not there. */
export type NetworkResources =
  | { readonly resources: ReadonlyMap<string, string>; readonly missing?: never }
  | { readonly missing: string; readonly resources?: never };

/** Which device plugin's resource each multus network takes, from its definition; empty where it takes none. */
export function networkResources(vmi: Vmi, nads: readonly NetworkAttachmentDefinition[]): NetworkResources {
  const resources = new Map<string, string>();
  for (const { name, multus } of networksOf(vmi)) {
    if (multus === undefined) continue;
    const reference = parseNadReference(multus.networkName, vmi.metadata.namespace);
    const nad = findNad(reference, nads);
    if (nad === undefined) return { missing: `${reference.namespace}/${reference.name}` };
    resources.set(name, resourceNameOf(nad));
  }
  return { resources };
}
