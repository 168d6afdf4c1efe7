import { anAttachment } from "@netbind/contract/testing";
import { expect, test } from "vitest";
import macvtap from "./index.ts";

test("the pod's own macvtap is the guest's; any other link is refused", () => {
  const attachment = anAttachment({ names: { ...anAttachment().names, pod: "net1" } });
  expect(macvtap.plan({ ...attachment, pod: { ...attachment.pod, tap: "net1" } })).toEqual({ domain: { kind: "tap" } });
  expect(() => macvtap.plan(attachment)).toThrow(expect.objectContaining({ code: "PLAN_IMPOSSIBLE" }));
});

test("a multus network is served, and neither the pod network nor a multus network in its place", () => {
  const multus = { kind: "multus", networkName: "lan", default: false } as const;
  expect(macvtap.admit(anAttachment({ network: multus }))).toEqual([]);
  for (const network of [{ kind: "pod" }, { ...multus, default: true }] as const)
    expect(macvtap.admit(anAttachment({ network })).map(({ field }) => field)).toEqual(["name"]);
});
