import { defined, type Violation } from "@netbind/contract";
import type { KubevirtConfiguration, Vmi, VmiInterface } from "../api.ts";
import { type KubevirtMinor, NEWEST_KUBEVIRT } from "../versions.ts";
import { type ImageFallback, resolveBinding, type ResolvedBinding } from "../registration/resolve-binding.ts";
import { INTERFACES_PATH, interfacesOf, registrationOf } from "../vmi.ts";

/** A binding plugin's sidecar in a VM's pod. */
export interface Sidecar {
  readonly plugin: string;
  readonly image: string;
  readonly imagePullPolicy?: string;
  readonly downwardApi?: string;
  readonly from: ResolvedBinding["from"];
}

/** The sidecar of a binding that was found; none where it needs none. */
export function sidecarOf(binding: ResolvedBinding, configuration: KubevirtConfiguration): readonly Sidecar[] {
  const { name, image, from } = binding;
  if (image === undefined) return [];
  const downwardApi = registrationOf(configuration, name)?.downwardAPI;
  const { imagePullPolicy } = configuration;
  return [
    {
      plugin: name,
      image,
      from,
      ...defined({ imagePullPolicy: imagePullPolicy || undefined, downwardApi: downwardApi || undefined }),
    },
  ];
}

/** Up to this version the key `slirp: {}` was served by the plugin of that name. */
const LAST_WITH_SLIRP = 2;

/** The plugin that serves an interface in a cluster of a version; undefined for KubeVirt's own bindings. */
const pluginOf = ({ binding, slirp }: VmiInterface, version: KubevirtMinor): string | undefined =>
  binding?.name ?? (slirp !== undefined && version <= LAST_WITH_SLIRP ? "slirp" : undefined);

/**
 * The sidecars of a VM's binding plugins: one for each plugin that has an image, whatever the number of its NICs, in the
 * order of the plugins' names; and a violation for each interface whose plugin cannot be found. One that is registered
 * without an image has none, and none is missed. `known` is undefined where no CR says what the cluster registers.
 */
export function pluginSidecars(
  vmi: Vmi,
  known: KubevirtConfiguration | undefined,
  fallback: ImageFallback,
  version: KubevirtMinor = NEWEST_KUBEVIRT,
): { readonly sidecars: readonly Sidecar[]; readonly violations: readonly Violation[] } {
  const configuration = known ?? {};
  const interfaces = interfacesOf(vmi);
  const names = [...new Set(interfaces.flatMap((nic) => pluginOf(nic, version) ?? []))].sort();
  const resolved = names.map((name) => ({ name, found: resolveBinding(name, known, fallback) }));
  return {
    sidecars: resolved.flatMap(({ found }) => ("problem" in found ? [] : sidecarOf(found, configuration))),
    violations: resolved.flatMap(({ name, found }) => {
      if (!("problem" in found) || registrationOf(configuration, name) !== undefined) return [];
      return interfaces.flatMap((nic, at) => {
        if (pluginOf(nic, version) !== name) return [];
        return [
          { ...found, field: `${INTERFACES_PATH}[${at}].${nic.binding === undefined ? "slirp" : "binding.name"}` },
        ];
      });
    }),
  };
}
