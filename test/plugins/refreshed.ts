/**
 * A binding of the tests' own whose guest configures its network again after a migration. It only has a tap, behind
 * nothing.
 */
import { defineBinding } from "@netbind/contract";

export default defineBinding({
  name: "refreshed",
  contract: "v1alpha1",
  migration: "link-refresh",
  plan: ({ names, pod, queues }) => ({
    network: {
      links: [
        { kind: "bridge", name: names.bridge, mtu: pod.mtu, addresses: [] },
        { kind: "tap", name: names.tap, mtu: pod.mtu, queues, bridge: names.bridge },
      ],
    },
    domain: { kind: "tap" },
  }),
});
