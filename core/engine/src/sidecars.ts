import type { Violation } from "@netbind/contract";
import type { KubevirtConfiguration, Vmi } from "./api.ts";
import { type ImageFallback, type ResolvedBinding, resolveBinding } from "./resolve-binding.ts";
import { INTERFACES } from "./rules/rule.ts";

/** A binding plugin's sidecar in a VM's pod. */
export interface Sidecar {
  readonly plugin: string;
  readonly image: string;
  readonly imagePullPolicy?: string;
  readonly downwardApi?: string;
  readonly from: ResolvedBinding["from"];
}

/**
 * The sidecars of a VM's binding plugins: one for each plugin that has an image, whatever the number of its NICs, in the
 * order of the plugins' names; and a violation for each interface whose plugin cannot be found.
 */
export function pluginSidecars(
  vmi: Vmi,
  configuration: KubevirtConfiguration,
  fallback: ImageFallback,
): { readonly sidecars: readonly Sidecar[]; readonly violations: readonly Violation[] } {
  const interfaces = vmi.spec.domain.devices.interfaces ?? [];
  const names = [...new Set(interfaces.flatMap(({ binding }) => (binding === undefined ? [] : [binding.name])))].sort();
  const resolved = names.map((name) => ({ name, found: resolveBinding(name, configuration, fallback) }));
  const { imagePullPolicy } = configuration;
  return {
    sidecars: resolved.flatMap(({ name, found }): readonly Sidecar[] => {
      if ("problem" in found || found.image === undefined) return [];
      const downwardApi = configuration.network?.binding?.[name]?.downwardAPI;
      return [
        {
          plugin: name,
          image: found.image,
          from: found.from,
          ...(imagePullPolicy ? { imagePullPolicy } : {}),
          ...(downwardApi ? { downwardApi } : {}),
        },
      ];
    }),
    violations: resolved.flatMap(({ name, found }) => {
      if (!("problem" in found)) return [];
      return interfaces.flatMap(({ binding }, at) =>
        binding?.name === name ? [{ ...found, field: `${INTERFACES}[${at}].binding.name` }] : [],
      );
    }),
  };
}
