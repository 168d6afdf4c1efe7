/** What a reader is shown is printable and in its place, whatever is in it. */
import type { NicPreview, NicStatus } from "@netbind/engine";
import { describe, expect, test } from "vitest";
import { formatFindings } from "../../../core/view/src/format-finding.ts";
import { formatPlan } from "../../../core/view/src/format-plan.ts";
import { type PlannedVm, summarizePlan } from "../../../core/view/src/summarize-plan.ts";
import { formatHealth, interfaceTable, missingAddresses, nicTable } from "../../../core/view/src/format-vm.ts";
import { expectHarmless, HOSTILE_TEXTS } from "../../support/cases/hostile-text.ts";

/** No terminal. */
const WIDE = { width: Number.POSITIVE_INFINITY };
const hostile = Object.values(HOSTILE_TEXTS).join("");

test("what a guest says of its interfaces, and what a record says of NICs, stays in its cell", () => {
  const nic: NicStatus = {
    ...{
      name: hostile,
      binding: hostile,
      mac: hostile,
      podAddresses: [hostile],
      guestAddresses: [hostile],
      plannedAddresses: 1,
    },
    ...{ ports: [hostile], traffic: { fromGuest: true, toGuest: false } },
  } as unknown as NicStatus;
  const text = `${nicTable([nic], WIDE)}\n${interfaceTable([{ name: hostile, interfaceName: "x".repeat(100_000), ipAddresses: [hostile], mac: hostile }], WIDE)}`;
  expectHarmless(text);
  expect(text.split("\n")).toHaveLength(4);
  for (const line of text.split("\n")) expect(line.length).toBeLessThan(10_000);
});

describe("findings", () => {
  const finding = {
    file: "vm.yaml",
    line: 3,
    column: 5,
    field: "spec",
    problem: "it is wrong",
    fix: "write it",
    rule: "BIND-2",
  } as const;

  test("each says what comes of it, by which rule, and the last line how many there are", () => {
    const found = [
      { ...finding, consequence: "rejected" },
      { ...finding, line: 4, field: "", consequence: "ignored" },
      { ...finding, line: 5, consequence: "neverStarts" },
    ] as const;
    expect(formatFindings({ findings: found, vms: 1 }).split("\n")).toEqual([
      "vm.yaml:3:5: error: [BIND-2] spec: it is wrong",
      "    fix: write it",
      "vm.yaml:4:5: warning: accepted, but without the intended effect: [BIND-2] it is wrong",
      "    fix: write it",
      "vm.yaml:5:5: warning: accepted, but cannot work: [BIND-2] spec: it is wrong",
      "    fix: write it",
      "1 VM: 1 violation, 2 warnings",
    ]);
    expect(formatFindings({ findings: [], vms: 2, failed: ["slirp"] })).toBe(
      "2 VMs: 0 violations, 0 warnings, 1 plugin failed",
    );
  });

  test("what they quote is printable, and no line more", () => {
    const quoting = {
      ...finding,
      file: hostile,
      field: hostile,
      problem: hostile,
      fix: hostile,
      consequence: "pending",
    } as const;
    const text = formatFindings({ findings: [quoting], vms: 1 });
    expectHarmless(text);
    expect(text.split("\n")).toHaveLength(3);
  });
});

test("a VM's health is a line for each thing that is wrong", () => {
  expect(formatHealth({ vm: "default/a", problems: [] })).toBe("default/a: healthy");
  const text = formatHealth({ vm: "default/a", problems: ["the tap is gone", hostile] });
  expectHarmless(text);
  expect(text.split("\n")).toEqual(["default/a:", "  the tap is gone", expect.stringMatching(/^ {2}/)]);
});

const nicWith = (more: Partial<NicStatus>): NicStatus => ({
  ...{ name: "pods", binding: "b", mac: "02:00:00:00:00:01", podAddresses: [], ports: [] },
  ...{ guestAddresses: [], plannedAddresses: 0 },
  ...more,
});

test("of packets that nothing counts it is said that they are unknown, not that there are none", () => {
  const cells = (traffic: NicStatus["traffic"]): string =>
    nicTable([nicWith(traffic === undefined ? {} : { traffic })], WIDE).split("\n")[1] ?? "";
  expect(cells(undefined)).toMatch(/unknown$/);
  expect(cells({ fromGuest: false, toGuest: false })).toMatch(/none yet$/);
  expect(cells({ fromGuest: true, toGuest: true })).toMatch(/out\+in$/);
});

test("a guest without an address is said to boot yet, one without one family's to ask for none", () => {
  const said = (guestAddresses: readonly string[], plannedAddresses: number): readonly string[] =>
    missingAddresses([nicWith({ guestAddresses, plannedAddresses })]);
  expect(said([], 2)).toEqual([expect.stringMatching(/^timed out waiting .* NIC pods: it may still be booting/)]);
  expect(said(["10.0.2.2"], 2)).toEqual(["the guest has no IPv6 address on NIC pods: does it ask for one by DHCPv6?"]);
  expect(said(["fd10:0:2::2"], 2)).toEqual(["the guest has no IPv4 address on NIC pods: does it ask for one by DHCP?"]);
  for (const all of [said(["10.0.2.2"], 1), said([], 0)]) expect(all).toEqual([]);
});

test("a plan begins with how much it makes, and that it makes nothing now; without a sidecar it says so", () => {
  const nic = {
    ...{ name: "pods", binding: "macvtap", assumed: ["pod"], domain: { kind: "tap" } },
    ...{ pod: { name: "eth0", mac: "02:00:00:00:00:01", mtu: 1500, addresses: [], routes: [] } },
    ...{ links: [{}, {}], sysctls: [{ key: "a", value: "1" }], services: [], nftables: "table inet a {\n}\n" },
  } as unknown as NicPreview;
  const decided = {
    ...{ takesPodMac: true, names: { tap: "tap7" } },
    spec: { name: "pods", model: "e1000", state: "down", ports: [], network: { kind: "multus", networkName: "lan" } },
  };
  const memoryOverhead = { needed: 0, registered: 0 };
  const plan = {
    preview: {
      vm: "lab/web",
      pod: { spec: { containers: [] } },
      memoryOverhead,
      nics: [nic, nic],
      domainXml: "<domain/>",
    },
    decision: { nics: [decided], bindings: [{ name: "macvtap", from: "domainAttachmentType" }] },
  } as unknown as PlannedVm;
  const block = `NIC pods: macvtap on network lan
  guest      e1000, MAC 02:00:00:00:00:01 (assumed), link down
  addresses  none from Netbind: its network gives them
  ports      all
  device     tap tap7
  pod link   eth0, 02:00:00:00:00:01, MTU 1500 (assumed)`;
  const summary = `VM lab/web: 2 NICs, 4 links, 2 sysctls, 2 nftables tables, 0 services; nothing is made
${block}
${block}
pod:
  sidecars      none
  capabilities  none
  resources     none`;
  expect(summarizePlan(plan)).toBe(summary);
  expect(formatPlan(plan).startsWith(`${summary}\n\npod: {`)).toBe(true);
});
