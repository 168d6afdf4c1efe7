import { anAttachment } from "@netbind/contract/testing";
import { expect, test } from "vitest";
import slirp from "./index.ts";

const UDP = { protocol: "UDP", port: 53 } as const;
const TCP = { protocol: "TCP", port: 80 } as const;

test("a network inside QEMU, with the pod's search domains and each listed port once", () => {
  const search = anAttachment().resolvConf.search;
  expect(slirp.plan(anAttachment({ ports: [UDP, UDP, TCP] }))).toEqual({
    domain: { kind: "userNetwork", network: "10.0.2.0/24", search, forward: [UDP, TCP] },
  });
});

test("what it cannot do is reported of a NIC before any pod exists", () => {
  const fields = (change: Parameters<typeof anAttachment>[0]): readonly string[] =>
    slirp.admit(anAttachment(change)).map(({ field }) => field);
  const multus = { kind: "multus", networkName: "a", default: false } as const;
  expect(fields({})).toEqual([]);
  expect(fields({ network: multus, ports: [{ protocol: "TCP", port: 1, lastPort: 2 }] })).toEqual([
    "portRanges",
    "name",
  ]);
  expect(fields({ network: { kind: "pod", vmNetworkCidr: "10.0.0.0/28" } })).toEqual(["network.pod.vmNetworkCIDR"]);
});
