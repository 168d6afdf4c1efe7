/** KubeVirt's own answers, where NETBIND_VECTORS names a folder with them (test/vectors.md). */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { COMPARISONS } from "../../vectors/comparisons.ts";
import { DEVIATIONS } from "../../vectors/deviations.ts";
import { readVectors } from "../../vectors/read.ts";
import { isSound, formatSummary, summarize } from "../../vectors/report.ts";

const folder = process.env["NETBIND_VECTORS"] ?? "";
const absent = !existsSync(folder);
if (absent) console.log("skipped: NETBIND_VECTORS names no folder with KubeVirt's answers");

test.skipIf(absent)("every answer is KubeVirt's, or differs for a listed reason", () => {
  const summary = summarize(readVectors(folder), COMPARISONS);
  expect(isSound(summary), formatSummary(summary)).toBe(true);
});

test("the reasons to differ are few, and every one is a sentence", () => {
  expect(Object.keys(DEVIATIONS).length).toBeLessThanOrEqual(40);
  for (const { reason } of Object.values(DEVIATIONS)) expect(reason).toMatch(/^[A-Za-z].{20,}\.$/);
});

test("the runner fails a wrong answer, an unknown kind, an unlisted reason and an empty folder", () => {
  const vector = { id: "a", kind: "k", input: {}, result: {} };
  const run = (comparison: () => never): boolean => isSound(summarize([vector], { k: comparison }));
  expect(isSound(summarize([], {}))).toBe(false);
  expect(isSound(summarize([vector], {}))).toBe(false);
  expect(run(() => ({ verdict: "agreed" }) as never)).toBe(true);
  expect(run(() => ({ verdict: "failed", why: "x" }) as never)).toBe(false);
  expect(run(() => ({ verdict: "deviating", deviations: ["NONE"] }) as never)).toBe(false);
  expect(
    run(() => ({ verdict: "deviating", deviations: ["RESUME"] }) as never),
    "one of one is more than 3 %",
  ).toBe(false);
});

test("a line that is not a vector fails, and the others are compared", () => {
  const directory = mkdtempSync(join(tmpdir(), "netbind-vectors-"));
  const good = {
    id: "m",
    kind: "mac",
    input: { names: ["zz"] },
    result: { macs: { zz: { error: "x", reserved: false } } },
  };
  const lines = ["{", "null", '{"id":"a"}', JSON.stringify({ ...good, input: null }), JSON.stringify(good)];
  writeFileSync(join(directory, "a.jsonl"), `${lines.join("\n")}\n`);
  const { kinds } = summarize(readVectors(directory), COMPARISONS);
  rmSync(directory, { recursive: true });
  expect(kinds.get("unreadable")?.failed.map(({ id }) => id)).toEqual([1, 2, 3, 4].map((line) => `a.jsonl:${line}`));
  expect(kinds.get("mac")).toEqual({ agreed: 1, deviating: 0, failed: [] });
});

test("every kind fails a vector without input, and none ends the run", () => {
  const vectors = Object.keys(COMPARISONS).map((kind) => ({ id: kind, kind, input: {}, result: {} }));
  const { cases } = summarize(vectors, COMPARISONS);
  expect(cases).toBe(vectors.length);
});

const passtVector = (nic: object, domainXML: string, answer: string) => ({
  id: "p",
  kind: "passt",
  input: {
    vmi: {
      metadata: { name: "vm", namespace: "ns" },
      spec: {
        domain: { devices: { interfaces: [{ name: "a", binding: { name: "passt" }, ...nic }] } },
        networks: [{ name: "a", pod: {} }],
      },
      status: { interfaces: [{ name: "a", podInterfaceName: "eth0" }] },
    },
    domainXML,
  },
  result: { error: null, domainXML: answer },
});
const DOMAIN = (memory: string, nic: string): string =>
  `<domain type="kvm">${memory}<devices>${nic}</devices></domain>`;
const SHARED = '<memoryBacking><source type="memfd"/><access mode="shared"/></memoryBacking>';
const NIC = (rest: string): string =>
  `<interface type="vhostuser"><source dev="eth0"/><model type="virtio-non-transitional"/><alias name="ua-a"/><backend type="passt" logFile="/var/run/kubevirt/passt.log"/>${rest}</interface>`;
const FORWARDS = '<portForward proto="tcp"/><portForward proto="udp"/>';

test.each([
  ["agrees", {}, DOMAIN("", ""), DOMAIN(SHARED, NIC(FORWARDS)), []],
  ["sees a wrong answer", {}, DOMAIN("", ""), DOMAIN(SHARED, NIC("")), undefined],
  ["tells a boot order", { bootOrder: 1 }, DOMAIN("", ""), DOMAIN(SHARED, NIC(FORWARDS)), ["PASST-BOOT"]],
  ["sees a wrong answer beside a boot order", { bootOrder: 1 }, DOMAIN("", ""), DOMAIN(SHARED, NIC("")), undefined],
  [
    "tells memory without access",
    {},
    DOMAIN("<memoryBacking/>", ""),
    DOMAIN("<memoryBacking/>", NIC(FORWARDS)),
    ["MEMORY-ACCESS"],
  ],
  ["sees other memory", {}, DOMAIN("", ""), DOMAIN("", NIC(FORWARDS)), undefined],
  [
    "reads a MAC address in any form",
    { macAddress: "02-00-00-00-00-0A" },
    DOMAIN("", ""),
    DOMAIN(SHARED, NIC(`<mac address="02:00:00:00:00:0a"/>${FORWARDS}`)),
    [],
  ],
  ["takes no second root", {}, `${DOMAIN("", "")}<x/>`, DOMAIN(SHARED, NIC(FORWARDS)), ["XML-STRICT"]],
] as const)("a comparison of passt's hook %s", (_, nic, domain, answer, desired) => {
  const { kinds, deviations } = summarize([passtVector(nic, domain, answer)], COMPARISONS);
  expect(kinds.get("passt")?.failed.length, JSON.stringify(kinds.get("passt"))).toBe(desired === undefined ? 1 : 0);
  if (desired !== undefined) expect([...deviations.keys()]).toEqual(desired);
});
