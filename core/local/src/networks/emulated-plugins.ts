import type { CniConfigList } from "@netbind/kubevirt/pod";
import type { EmulatedCniPlugin } from "./emulated-plugin.ts";
import { macvtap } from "./macvtap.ts";
import { sriov } from "./sriov.ts";

/** The plugins that this host plays itself, by the `type` that a configuration names. */
export const EMULATED_PLUGINS: ReadonlyMap<string, EmulatedCniPlugin> = new Map(
  [macvtap, sriov].map((plugin) => [plugin.type, plugin]),
);

/** The plugin of a list that this host plays itself; undefined where all are the machine's. */
export const hostPluginOf = ({ plugins }: CniConfigList): EmulatedCniPlugin | undefined =>
  plugins.flatMap(({ type }) => EMULATED_PLUGINS.get(type) ?? [])[0];
