/** Every plan of this release's bindings is within what they are granted, as it is, and crosses the wire unchanged. */
import { releasedGrants, releasedPlugins } from "@netbind/bindings";
import type { Attachment, Binding, Plan } from "@netbind/contract";
import { anAttachment } from "@netbind/contract/testing";
import { authorize, grantsOf } from "@netbind/engine";
import bridge from "@netbind/plugin-bridge";
import macvtap from "@netbind/plugin-macvtap";
import masquerade from "@netbind/plugin-masquerade";
import passt from "@netbind/plugin-passt";
import slirp from "@netbind/plugin-slirp";
import sriov from "@netbind/plugin-sriov";
import { planFromWire, planToWire } from "@netbind/remote/binding";
import { expect, test } from "vitest";

const podWith = (addresses: readonly string[], routes = anAttachment().pod.routes): Partial<Attachment> => ({
  pod: { ...anAttachment().pod, addresses, routes },
});
const DUAL = podWith(["10.244.0.2/24", "fd10:244::2/64"]);
const ROUTED = podWith(
  ["10.244.0.2/24", "fd10:244::2/64"],
  [
    { destination: "0.0.0.0/0", gateway: "10.244.0.1" },
    { destination: "10.244.0.0/24" },
    { destination: "fd10:244::/64" },
    { destination: "::/0", gateway: "fd10:244::1" },
  ],
);
const VF = "0000:01:10.0";

const CHANGES: readonly (readonly [Binding, readonly Partial<Attachment>[]])[] = [
  [
    masquerade,
    [
      {},
      { mesh: true },
      { migrationTransport: "ports" },
      { ports: [{ protocol: "UDP", port: 53 }] },
      { queues: 4 },
      DUAL,
      { ...DUAL, mesh: true, ports: [{ protocol: "TCP", port: 22 }] },
      { ...podWith(["fd10:244::2/64"]), network: { kind: "pod", vmIpv6NetworkCidr: "fd77::/64" } },
    ],
  ],
  [bridge, [{}, ROUTED, podWith(["fd10:244::2/64"], [{ destination: "fd10:244::/64" }])]],
  [slirp, [{}, { ports: [{ protocol: "UDP", port: 53 }] }]],
  [passt, [{}, { libvirtVersion: "9.5.0" }, { mesh: true, ports: [{ protocol: "TCP", port: 1, lastPort: 9 }] }]],
  [macvtap, [{ pod: { ...anAttachment().pod, tap: "eth0" } }]],
  [sriov, [{ allocatedDevices: [VF] }]],
];

const plain = (plan: Plan): unknown => JSON.parse(JSON.stringify(plan));

test("every released binding is among them", () => {
  expect(CHANGES.map(([{ name }]) => name).sort()).toEqual([...releasedPlugins().keys()].sort());
});

test.each(CHANGES.map(([binding, changes]) => ({ binding, changes, name: binding.name })))(
  "$name",
  ({ binding, changes }) => {
    for (const change of changes) {
      const attachment = anAttachment(change);
      const plan = binding.plan(attachment);
      expect(authorize(plan, { attachment, grants: grantsOf(binding.name, releasedGrants()) })).toEqual(plan);
      expect(plain(planFromWire(planToWire(plan)))).toEqual(plain(plan));
    }
  },
);
