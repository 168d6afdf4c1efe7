/** Findings for other programs: SARIF by its schema, JUnit as CI servers read it, annotations of GitHub's workflows. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { default as Ajv } from "ajv-draft-04";
import { SaxesParser } from "saxes";
import { beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { PAGES } from "../../../core/view/src/reports/guide.ts";
import { HOSTILE_TEXTS } from "../../support/cases/hostile-text.ts";
import { useNetbind } from "../../support/guest/use-netbind.ts";

const netbind = useNetbind();

const { resolve } = createRequire(import.meta.url);
const SCHEMA = JSON.parse(
  readFileSync(resolve("@microsoft/jest-sarif").replace(/\/lib\/.*$/, "/lib/schemas/sarif-2.1.0-rtm.5.json"), "utf8"),
) as object;

const hostile = Object.values(HOSTILE_TEXTS).join("");
const vm = (name: string, nic: object): object => ({
  apiVersion: "kubevirt.io/v1",
  kind: "VirtualMachineInstance",
  metadata: { name, annotations: { "netbind.dev/ignore": "FIELD-2" } },
  spec: {
    domain: { devices: { interfaces: [{ name: "red", ...nic }] } },
    networks: [{ name: "red", multus: { networkName: "red-net" } }],
  },
});
const INPUT = JSON.stringify({
  kind: "List",
  apiVersion: "v1",
  items: [
    vm("good", { bridge: {} }),
    vm("bad", { bridge: {}, macAddress: hostile, ports: [{ port: 80 }] }),
    vm("waits", { binding: { name: "a:b,c%0A\n::error::x" } }),
  ],
});

const report = async (format: string, ...more: readonly string[]): Promise<string> =>
  (await netbind(["validate", "-f", "-", "-o", format, ...more], { stdin: INPUT })).stdout;

const sarif = new Ajv.default({ strict: false, validateFormats: false, unicodeRegExp: false });

describe("SARIF", () => {
  interface Log {
    readonly runs: readonly {
      readonly tool: {
        readonly driver: {
          readonly rules: readonly { readonly id: string; readonly help: object; readonly helpUri: string }[];
        };
      };
      readonly properties?: { readonly kubevirt: object };
      readonly results: readonly {
        readonly ruleId: string;
        readonly ruleIndex: number;
        readonly level: string;
        readonly suppressions?: readonly object[];
        readonly locations: readonly { readonly logicalLocations: readonly object[] }[];
      }[];
      readonly invocations: readonly {
        readonly executionSuccessful: boolean;
        readonly toolExecutionNotifications: readonly object[];
      }[];
    }[];
  }
  const check = (text: string): Log => {
    const log = JSON.parse(text) as Log;
    expect(sarif.validate(SCHEMA, log), JSON.stringify(sarif.errors)).toBe(true);
    return log;
  };

  test("it has the schema's shape, each result its rule with help, and what is ignored is suppressed", async () => {
    const [run] = check(await report("sarif")).runs;
    const results = run?.results ?? [];
    expect(results.map(({ ruleId, level, suppressions = [] }) => `${ruleId} ${level} ${suppressions.length}`)).toEqual([
      "IF-4 error 0",
      "REG-1 warning 0",
      "FIELD-2 warning 1",
    ]);
    for (const { ruleId, ruleIndex, locations } of results) {
      expect(run?.tool.driver.rules[ruleIndex]).toMatchObject({
        id: ruleId,
        help: { text: expect.stringContaining("Fix: ") },
      });
      expect(locations[0]?.logicalLocations).toHaveLength(1);
    }
    expect(JSON.stringify(run?.invocations)).toContain("not checked: default/red-net");
  });

  test("a command that fails before it looks at anything is a log too", async () => {
    const { code, stdout } = await netbind(["validate", "-f", "-", "-o", "sarif", "--ignore", "PORT-4"], {
      stdin: INPUT,
    });
    expect(code).toBe(2);
    const [run] = check(stdout).runs;
    expect(run?.invocations[0]?.executionSuccessful).toBe(false);
    expect(JSON.stringify(run)).toContain("[OPTION_INVALID] --ignore PORT-4");
  });

  test("it says whose rules were asked, and each rule has a page of KubeVirt's guide", async () => {
    const [run] = check(await report("sarif", "--kubevirt-version", "1.6")).runs;
    expect(run?.properties).toEqual({ kubevirt: { version: "1.6", from: "option" } });
    const rules = run?.tool.driver.rules ?? [];
    for (const { id, helpUri } of rules)
      expect(helpUri, id).toMatch(/^https:\/\/kubevirt\.io\/user-guide\/[a-z_]+\/(?:[a-z_]+\/)+$/);
    const families = new Set(rules.map(({ id }) => id.split("-")[0]));
    expect(Object.keys(PAGES).filter((family) => !families.has(family))).toEqual([]);
  });

  test("the schema refuses what is not a log", () => {
    expect(sarif.validate(SCHEMA, { version: "2.1.0", runs: [{ results: [] }] })).toBe(false);
  });
});

describe("JUnit", () => {
  interface Element {
    readonly name: string;
    readonly attributes: Readonly<Record<string, string>>;
    readonly children: Element[];
  }
  function elementsOf(xml: string): Element {
    const root: Element = { name: "", attributes: {}, children: [] };
    const open = [root];
    const parser = new SaxesParser();
    parser.on("opentag", ({ name, attributes }) => {
      const element = { name, attributes: attributes as Record<string, string>, children: [] };
      open.at(-1)?.children.push(element);
      open.push(element);
    });
    parser.on("closetag", () => void open.pop());
    parser.on("error", (error) => {
      throw error;
    });
    parser.write(xml).close();
    return root.children[0] as Element;
  }
  /** What may stand in what, as the schema of Jenkins has it. */
  const CHILDREN: Readonly<Record<string, readonly string[]>> = {
    testsuites: ["testsuite"],
    testsuite: ["testcase"],
    testcase: ["failure", "error", "system-out"],
  };
  const NEEDED: Readonly<Record<string, readonly string[]>> = {
    testsuite: ["name", "tests", "failures", "errors"],
    testcase: ["name", "classname"],
    failure: ["type", "message"],
    error: ["type", "message"],
  };
  const count = (element: Element, name: string): number =>
    element.children.reduce((sum, child) => sum + count(child, name) + (child.name === name ? 1 : 0), 0);
  function check(element: Element): void {
    for (const key of NEEDED[element.name] ?? []) expect(element.attributes).toHaveProperty(key);
    for (const child of element.children) {
      expect(CHILDREN[element.name] ?? []).toContain(child.name);
      check(child);
    }
    if (!["testsuites", "testsuite"].includes(element.name)) return;
    const { tests, failures, errors } = element.attributes;
    expect([tests, failures, errors]).toEqual(
      ["testcase", "failure", "error"].map((name) => String(count(element, name))),
    );
  }

  test("it is well-formed, counts right, and has a case for each VM", async () => {
    for (const [args, failures] of [
      [[], "1"],
      [["--strict"], "2"],
    ] as const) {
      const root = elementsOf(await report("junit", ...args));
      check(root);
      expect(root.attributes).toMatchObject({ tests: "3", failures, errors: "0" });
    }
  });

  test("a command that fails is an error", async () => {
    const root = elementsOf(await report("junit", "--ignore", "PORT-4"));
    check(root);
    expect(root.attributes).toMatchObject({ tests: "1", failures: "0", errors: "1" });
  });
});

test("GitHub: an annotation a line, and nothing in it begins or ends another", async () => {
  const lines = (await report("github")).trimEnd().split("\n");
  for (const line of lines)
    expect(line).toMatch(/^::(?:error|warning|notice) (?:file=[^:,]*,line=\d+,col=\d+,)?title=[^:,]*::[^\r\n]+$/);
  expect(lines.map((line) => line.replace(/ .*/, ""))).toEqual(["::error", "::warning", "::notice", "::notice"]);
  expect(lines[1]).toContain("%250A");
});

describe("what is ignored", () => {
  let data: {
    readonly violations: readonly { readonly rule: string; readonly object: object }[];
    readonly warnings: readonly { readonly rule: string }[];
    readonly ignored: readonly { readonly rule: string }[];
    readonly notChecked: readonly string[];
  };
  beforeAll(async () => {
    data = parse(await report("yaml", "--ignore", "REG-1")) as typeof data;
  });

  test("is counted, in data and in words, whether the option or the VM says so", async () => {
    expect(data.violations).toMatchObject([
      { rule: "IF-4", object: { kind: "VirtualMachineInstance", namespace: "default", name: "bad" } },
    ]);
    expect([data.warnings, data.ignored.map(({ rule }) => rule)]).toEqual([[], ["FIELD-2", "REG-1"]]);
    expect(await report("text", "--ignore", "REG-1")).toMatch(/, 2 ignored \(FIELD-2, REG-1\)\n$/);
  });

  test("an annotation that ignores nothing is a finding, and what KubeVirt refuses is never ignored", async () => {
    const stdin = INPUT.replaceAll("FIELD-2", "IF-4, NO-1");
    const { code, stdout } = await netbind(["validate", "-f", "-", "-o", "json"], { stdin });
    const { violations, warnings } = JSON.parse(stdout) as typeof data;
    expect([code, violations.map(({ rule }) => rule)]).toEqual([1, ["IF-4"]]);
    expect(warnings.filter(({ rule }) => rule === "IGNORE")).toHaveLength(6);
  });

  test("an option that ignores nothing is a wrong command line, which names all of it", async () => {
    const { code, stderr } = await netbind(["validate", "-f", "-", "--ignore", "IF-4,NO-1"], { stdin: INPUT });
    expect(code).toBe(2);
    expect(stderr).toMatch(/--ignore IF-4: KubeVirt refuses[\s\S]*--ignore NO-1: there is no rule "NO-1"/);
  });
});
