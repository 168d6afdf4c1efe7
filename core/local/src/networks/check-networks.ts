import { type Violation, violation } from "@netbind/contract";
import type { DeviceSettings } from "@netbind/kubevirt";
import type { CniPluginConfig, PodNetworkRequest } from "@netbind/kubevirt/pod";
import { missingPlugin } from "./cni.ts";
import { hostPluginOf } from "./emulated-plugins.ts";

/** The plugins that a plugin's configuration names: itself, and the one that gives its addresses. */
const typesOf = (plugin: CniPluginConfig): readonly string[] => {
  const ipam = (plugin["ipam"] as { readonly type?: unknown } | undefined)?.type;
  return [plugin.type, ...(typeof ipam === "string" && ipam !== "" ? [ipam] : [])];
};

/** What this machine lacks for a pod's networks, as far as it can be seen before anything starts. */
export function checkNetworks(networks: readonly PodNetworkRequest[], settings: DeviceSettings): readonly Violation[] {
  return networks.flatMap((request) => {
    const { config, field } = request;
    if (config === undefined) return [];
    const missing = config.plugins.flatMap(typesOf).flatMap((type) => missingPlugin(type) ?? []);
    const refused = hostPluginOf(config)?.check(request, settings) ?? [];
    return [...missing, ...refused].map((problem) =>
      violation(field, problem, "correct the NetworkAttachmentDefinition, or provide what it needs on this machine"),
    );
  });
}
