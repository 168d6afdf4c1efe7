import type { CniConfigList } from "@netbind/kubevirt/pod";
import type { HostPlugin } from "./host-plugin.ts";
import { macvtap } from "./macvtap.ts";
import { sriov } from "./sriov.ts";

/** The plugins that this host plays itself, by the `type` that a configuration names. */
export const HOST_PLUGINS: ReadonlyMap<string, HostPlugin> = new Map([macvtap, sriov].map((plugin) => [plugin.type, plugin]));

/** The plugin of a list that this host plays itself; undefined where all are the machine's. */
export const hostPluginOf = ({ plugins }: CniConfigList): HostPlugin | undefined =>
  plugins.flatMap(({ type }) => HOST_PLUGINS.get(type) ?? [])[0];
