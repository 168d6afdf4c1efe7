import type { DomainPlan } from "@netbind/contract";
import { anAttachment } from "@netbind/contract/testing";
import { expect, test } from "vitest";
import passt from "./index.ts";

const domain = (change: Parameters<typeof anAttachment>[0]): DomainPlan => passt.plan(anAttachment(change)).domain;
const tcp = { protocol: "tcp", ports: [], except: [] };
const udp = { ...tcp, protocol: "udp" };

test("the ports that its author lists, or every port; in a mesh all but the mesh's own, which are TCP", () => {
  expect(domain({})).toEqual({ kind: "passt", forward: [tcp, udp] });
  const ports = [
    { protocol: "TCP", port: 80 },
    { protocol: "TCP", port: 8000, lastPort: 8010 },
  ] as const;
  expect(domain({ ports })).toEqual({
    kind: "passt",
    forward: [{ ...tcp, ports: [{ from: 80 }, { from: 8000, to: 8010 }] }],
  });
  const except = [15000, 15001, 15004, 15006, 15008, 15009, 15020, 15021, 15053, 15090].map((from) => ({ from }));
  expect(domain({ mesh: true, ports: [{ protocol: "UDP", port: 53 }] })).toEqual({
    kind: "passt",
    forward: [
      { ...tcp, except },
      { ...udp, ports: [{ from: 53 }] },
    ],
  });
});

test("a multus network and a model that is not virtio are refused, and a pod without an address", () => {
  const multus = { kind: "multus", networkName: "a", default: false } as const;
  expect(passt.admit(anAttachment({ network: multus, model: "e1000" })).map(({ field }) => field)).toEqual([
    "name",
    "model",
  ]);
  expect(() => domain({ pod: { ...anAttachment().pod, addresses: [] } })).toThrow(
    "no address that the guest could have",
  );
});
