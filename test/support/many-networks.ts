import { documents, kubevirt, multus, nad, vm } from "./objects.ts";

/**
 * A VM called `one` with a NIC of each kind that networks are attached by: the machine's CNI plugins, the host's own, and a
 * binding that is data alone. The macvtap is on the bridge that the first network's plugin made: no link of the machine is touched.
 */
export const manyNetworks = (): string =>
  documents(
    vm("one", {
      interfaces: [
        { name: "main", bridge: {} },
        { name: "lan", binding: { name: "macvtap" }, macAddress: "02:00:00:00:aa:0a" },
        { name: "managed", binding: { name: "managed" } },
      ],
      networks: [multus("main", "main", true), multus("lan"), multus("managed")],
    }),
    nad("main", { type: "bridge", bridge: "br1", isGateway: true, ipam: { type: "host-local", subnet: "10.250.250.0/24" } }),
    nad("lan", { type: "macvtap" }, "macvtap.network.kubevirt.io/br1"),
    nad("managed", { plugins: [{ type: "bridge", bridge: "br2" }, { type: "tuning" }] }),
    kubevirt({ managed: { domainAttachmentType: "managedTap" } }),
  );
