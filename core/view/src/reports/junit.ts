import { printElement, type XmlElement } from "@netbind/domain";
import { terminalLine } from "@netbind/engine/terminal";
import { findingLines, nameOfObject, type ShownFinding } from "../format-finding.ts";
import { unstyled } from "../styled-text.ts";
import { isFailure, type Report } from "./report.ts";

/** A test of a suite: an object, or what of a file is not one. */
interface Case {
  readonly file: string;
  readonly name: string;
  readonly findings: ShownFinding[];
}

/** One case for each VM, and one for each other object or file that something was found in; in the order of the input. */
function casesOf({ vms, findings }: Report): readonly Case[] {
  const cases = new Map<string, Case>();
  const caseOf = (file: string, name: string): Case => {
    const key = JSON.stringify([file, name]);
    const known = cases.get(key) ?? { file, name, findings: [] };
    cases.set(key, known);
    return known;
  };
  for (const vm of vms) caseOf(vm.file, nameOfObject(vm));
  for (const finding of findings) caseOf(finding.file, nameOfObject(finding) || "readable").findings.push(finding);
  return [...cases.values()];
}

const textOf = (findings: readonly ShownFinding[]): string =>
  unstyled(findings.flatMap((finding) => findingLines(finding)));

function elementOf({ file, name, findings }: Case, report: Report): XmlElement {
  const failures = findings.filter((finding) => isFailure(finding, report));
  const warnings = findings.filter((finding) => !isFailure(finding, report));
  const [first] = failures;
  const message = terminalLine(failures.map(({ rule, problem }) => `${rule}: ${problem}`).join("; "));
  const failure = { name: "failure", children: [], text: textOf(failures) };
  const output = { name: "system-out", attributes: {}, children: [], text: textOf(warnings) };
  return {
    name: "testcase",
    attributes: { classname: terminalLine(file), name: terminalLine(name), time: "0" },
    children: [
      ...(first === undefined ? [] : [{ ...failure, attributes: { type: first.rule, message } }]),
      ...(warnings.length === 0 ? [] : [output]),
    ],
  };
}

const errorCase = (text: string, index: number): XmlElement => ({
  name: "testcase",
  attributes: { classname: "netbind", name: `error ${index + 1}`, time: "0" },
  children: [{ name: "error", attributes: { type: "error", message: terminalLine(text) }, children: [] }],
});

const failuresOf = (cases: readonly Case[], report: Report): number =>
  cases.filter(({ findings }) => findings.some((finding) => isFailure(finding, report))).length;

/** A report in the XML of JUnit, as Jenkins, GitLab and others read it: a suite for each file, a case for each object. */
export function junitXml(report: Report): string {
  const cases = casesOf(report);
  const suites = [...Map.groupBy(cases, ({ file }) => file)].map(
    ([file, own]): XmlElement => ({
      name: "testsuite",
      attributes: {
        name: terminalLine(file),
        ...{
          tests: String(own.length),
          failures: String(failuresOf(own, report)),
          errors: "0",
          skipped: "0",
          time: "0",
        },
      },
      children: own.map((one) => elementOf(one, report)),
    }),
  );
  const count = String(report.errors.length);
  const broken: XmlElement = {
    name: "testsuite",
    attributes: { name: "netbind", tests: count, failures: "0", errors: count, skipped: "0", time: "0" },
    children: report.errors.map(errorCase),
  };
  const root: XmlElement = {
    name: "testsuites",
    attributes: {
      ...{ name: "netbind validate", tests: String(cases.length + report.errors.length) },
      ...{ failures: String(failuresOf(cases, report)), errors: count, time: "0" },
    },
    children: [...suites, ...(report.errors.length === 0 ? [] : [broken])],
  };
  return `<?xml version="1.0" encoding="UTF-8"?>\n${printElement(root)}\n`;
}
