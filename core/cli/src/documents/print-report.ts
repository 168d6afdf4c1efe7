import { ALL_CHECKS } from "@netbind/kubevirt/admission";
import { githubAnnotations, junitXml, type Report, sarifLog } from "@netbind/view";
import { failedReport } from "../failure.ts";
import { type OutputFormat, print, printJson, type ReportFormat } from "../output.ts";
import { netbindVersion } from "../version.ts";

/** A report without what is the same in each. */
export type ReportContent = Omit<Report, "rules" | "version">;

/** Prints a report in the format of another tool. */
export function printReport(content: ReportContent, format: Exclude<ReportFormat, OutputFormat>): void {
  const report: Report = { ...content, rules: ALL_CHECKS, version: netbindVersion() };
  switch (format) {
    case "sarif":
      return printJson(sarifLog(report));
    case "junit":
      return print(junitXml(report).trimEnd());
    case "github": {
      const text = githubAnnotations(report);
      return text === "" ? undefined : print(text);
    }
    default:
      return format satisfies never;
  }
}

/** Prints that a command failed before it could look at anything. */
export const printFailedReport = (error: unknown, format: Exclude<ReportFormat, OutputFormat>): void =>
  printReport({ ...failedReport(error), passed: false, strict: false }, format);
