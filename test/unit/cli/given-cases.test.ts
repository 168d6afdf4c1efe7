/** Inputs as people had them, where NETBIND_CASES names a folder with them, and what each must get. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import type { Outcome } from "../../support/guest/netbind.ts";
import { useNetbind } from "../../support/guest/use-netbind.ts";

const folder = process.env["NETBIND_CASES"] ?? "";
const absent = !existsSync(folder);
if (absent) console.log("skipped: NETBIND_CASES names no folder with cases");

/** What must be said of a case: its rules in the order of its lines, and what the first of them must say. */
interface Expected {
  readonly rules: readonly string[];
  /** Of how many VMs. */
  readonly vms?: number;
  readonly words?: RegExp;
  /** What a person is told beside what is found. */
  readonly note?: RegExp;
}

const right: Expected = { rules: [] };
const EXPECTED: Readonly<Record<string, Expected>> = {
  "04.yaml": { rules: ["IPAM-1"], words: /serves interface "second" no address.*add ipam/s },
  "09.yaml": { rules: ["IPAM-2"], words: /no address on its default network/ },
  "10.yaml": { rules: ["CLOUD-2"], words: /10\.0\.2\.2/ },
  "11.yaml": { rules: ["IPAM-1", "MAC-4", "IPAM-1"], vms: 2 },
  "14.yaml": { rules: ["NET-8", "DISC-2"] },
  "17.yaml": { rules: ["QUEUE-2"], words: /no effect/ },
  "19.yaml": { rules: ["MAC-5"], words: /CNI plugin does not receive/ },
  "22.yaml": { rules: ["MESH-1"], words: /service mesh/ },
  "24.yaml": { rules: ["MACVTAP-1", "DEV-2"] },
  "25.yaml": { rules: ["SCHEMA"], vms: 0, words: /render it first: helm template \. \| netbind validate -f -/ },
  "26.yaml": right,
  "29.yaml": { rules: [], note: /vmoperator\.vmware\.com, not of kubevirt\.io/ },
  "30.yaml": { rules: [], vms: 0 },
  "31.yaml": right,
  "32.yaml": { rules: ["SCHEMA", "SCHEMA"], vms: 0, words: /"interfaces"/ },
  "33.yaml": { rules: ["SCHEMA"], vms: 0, words: /belongs under spec\.template\.spec\.domain\.devices/ },
  "34.yaml": { rules: ["DUPLICATE-KEY"], words: /"rng".*line 15 counts.*line 12/ },
  "39.json": { rules: [], vms: 2 },
  // Its network has no IPAM: what is said of case 04 is true here.
  "43.yaml": { rules: ["IPAM-1"] },
  "44.yaml": { rules: ["NAD-3"], words: /not valid JSON/ },
  "52.yaml": { rules: ["CNI-2", "CNI-3"] },
  "53.yaml": { rules: ["CNI-4"], words: /macvlan/ },
  "55.yaml": { rules: ["PROBE-2"], words: /8080/ },
  "56.yaml": { rules: ["SCHEMA"], vms: 0, words: /domain\.devices.*missing/s },
  "58.yaml": { rules: ["REG-1"], words: /not known whether "l2bridge" is registered.*HyperConverged/s },
  "61.yaml": right,
};
const REFUSING = new Set(["SCHEMA", "DISC-2"]);

interface Found {
  readonly rule: string;
  readonly line: number;
  readonly column: number;
  readonly problem: string;
  readonly fix: string;
  readonly field: string;
}
interface Output {
  readonly vms: number;
  readonly violations: readonly Found[];
  readonly warnings: readonly Found[];
}

/** The commands that read documents, with what they may end with. */
const COMMANDS = [["validate"], ["validate", "-o", "json"], ["render"], ["plan"], ["convert"]] as const;

const files = absent ? [] : readdirSync(folder).filter((name) => /\.(?:yaml|json)$/.test(name));
const netbind = useNetbind();
const outcomes = new Map<string, readonly Outcome[]>();
beforeAll(async () => {
  for (const file of files) {
    const calls = COMMANDS.map(([command, ...options]) => netbind([command, "-f", join(folder, file), ...options]));
    outcomes.set(file, await Promise.all(calls));
  }
});

const inLines = (one: Found, other: Found): number => one.line - other.line || one.column - other.column;

test.skipIf(absent).each(Object.entries(EXPECTED))("case %s", (file, { rules, vms = 1, words = /^/, note = /^/ }) => {
  const [text, json] = outcomes.get(file) ?? [];
  const output = JSON.parse(json?.stdout ?? "") as Output;
  const found = [...output.violations, ...output.warnings].sort(inLines);
  expect(found.map(({ rule }) => rule)).toEqual(rules);
  expect(output.vms).toBe(vms);
  expect(found.map(({ field, problem, fix }) => `${field} ${problem} ${fix}`).join("\n")).toMatch(words);
  expect(text?.stderr).toMatch(note);
  expect(json?.code).toBe(rules.some((rule) => REFUSING.has(rule)) ? 1 : 0);
});

test.skipIf(absent)("every command that reads documents answers each of them, and tells one mistake once", () => {
  for (const [file, ended] of outcomes) {
    for (const [at, { code, stdout, stderr }] of ended.entries()) {
      const called = `${COMMANDS[at]?.join(" ")} ${file}`;
      expect([0, 1, 3], called).toContain(code);
      expect(`${stdout}${stderr}`, called).not.toMatch(/\n\s+at |\bundefined\b|\[object /);
      const places = [...stderr.matchAll(/:\d+:\d+: (?:error|warning): .*?(spec\S*interfaces\[\d+\])/g)];
      const refused = places.filter(([line]) => line.includes(" error: ")).map(([, nic]) => nic);
      expect(new Set(refused).size, called).toBe(refused.length);
    }
  }
  expect(outcomes.size).toBe(files.length);
});
