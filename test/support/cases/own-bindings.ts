/** This release's bindings, by the name that they are registered under. */
import type { Binding } from "@netbind/contract";
import bridge from "@netbind/plugin-bridge";
import macvtap from "@netbind/plugin-macvtap";
import masquerade from "@netbind/plugin-masquerade";
import passt from "@netbind/plugin-passt";
import slirp from "@netbind/plugin-slirp";
import sriov from "@netbind/plugin-sriov";

export const OWN_BINDINGS: ReadonlyMap<string, Binding> = new Map(
  [bridge, macvtap, masquerade, passt, slirp, sriov].map((binding) => [binding.name, binding]),
);
