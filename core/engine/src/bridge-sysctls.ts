import type { LinkPlan, Sysctl } from "@netbind/contract";

/** Milliseconds between two questions of who has an address: behind a bridge of a NIC's own there is one guest to ask. */
const ASK_AGAIN = "200";

/**
 * What the core sets for every bridge, whatever the binding. It takes no router's word: a guest that advertises itself as
 * one changes nothing of its pod. And a guest that just took its address is found at once, not at the next full second.
 */
export const bridgeSysctls = (links: readonly LinkPlan[]): readonly Sysctl[] =>
  links.flatMap((link) =>
    link.kind === "bridge"
      ? [
          { key: `net.ipv6.conf.${link.name}.accept_ra`, value: "0" },
          { key: `net.ipv4.neigh.${link.name}.retrans_time_ms`, value: ASK_AGAIN },
          { key: `net.ipv6.neigh.${link.name}.retrans_time_ms`, value: ASK_AGAIN },
        ]
      : [],
  );
