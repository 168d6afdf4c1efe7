import type { LinkPlan, Sysctl } from "@netbind/contract";

/**
 * What protects a pod from its own guest, whatever the binding: a bridge takes no router's word, so a guest that advertises
 * itself as one changes nothing of the pod.
 */
export const hardeningSysctls = (links: readonly LinkPlan[]): readonly Sysctl[] =>
  links.flatMap((link) => (link.kind === "bridge" ? [{ key: `net.ipv6.conf.${link.name}.accept_ra`, value: "0" }] : []));
