import type { KubevirtConfiguration, NetworkAttachmentDefinition, Vmi } from "../api.ts";
import { findNad, parseNadReference, resourceNameOf } from "../facts/nads.ts";
import { parseQuantity } from "../facts/quantity.ts";

/** What KubeVirt adds once for its own passt: 250 MiB. */
const PASST_OVERHEAD_BYTES = 250n * 1024n * 1024n;

/**
 * Bytes that a VM's bindings cost its compute container beside the guest: each distinct plugin's registered request,
 * and passtBinding's. A plugin that is not registered costs nothing here.
 */
export function memoryOverheadBytes(vmi: Vmi, configuration: KubevirtConfiguration): bigint {
  const interfaces = vmi.spec.domain.devices.interfaces ?? [];
  const registered = configuration.network?.binding ?? {};
  const plugins = new Set(interfaces.flatMap(({ binding }) => (binding === undefined ? [] : [binding.name])));
  const requested = [...plugins].map((name) => {
    const memory = Object.hasOwn(registered, name) ? registered[name]?.computeResourceOverhead?.requests?.["memory"] : undefined;
    return memory === undefined ? 0n : (parseQuantity(String(memory)) ?? 0n);
  });
  const passt = interfaces.some(({ passtBinding }) => passtBinding !== undefined) ? PASST_OVERHEAD_BYTES : 0n;
  return requested.reduce((sum, bytes) => sum + bytes, passt);
}

/** The device resource of each multus network, by network name; or the definition that is not there. */
export type NetworkResources =
  | { readonly resources: ReadonlyMap<string, string>; readonly missing?: never }
  | { readonly missing: string; readonly resources?: never };

/** Which device plugin's resource each multus network takes, from its definition; empty where it takes none. */
export function networkResources(vmi: Vmi, nads: readonly NetworkAttachmentDefinition[]): NetworkResources {
  const resources = new Map<string, string>();
  for (const { name, multus } of vmi.spec.networks ?? []) {
    if (multus === undefined) continue;
    const reference = parseNadReference(multus.networkName, vmi.metadata.namespace);
    const nad = findNad(reference, nads);
    if (nad === undefined) return { missing: `${reference.namespace}/${reference.name}` };
    resources.set(name, resourceNameOf(nad));
  }
  return { resources };
}
