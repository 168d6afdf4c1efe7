import { terminalLine } from "@netbind/engine/terminal";
import { describeFinding, type ShownFinding } from "../format-finding.ts";
import type { Report } from "./report.ts";

const DATA: Readonly<Record<string, string>> = { "%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C" };
const encode = (text: string, special: RegExp): string =>
  text.replace(special, (character) => DATA[character] ?? character);

/** A workflow command's message, and one of its properties: a line, in which nothing begins another command. */
const messageOf = (text: string): string => encode(terminalLine(text), /[%\r\n]/g);
const propertyOf = (text: string): string => encode(terminalLine(text), /[%\r\n:,]/g);

function annotation(finding: ShownFinding): string {
  const { file, line, column, rule, consequence } = finding;
  const place = `file=${propertyOf(file)},line=${line},col=${column},title=${propertyOf(rule)}`;
  const level = consequence === "rejected" ? "error" : "warning";
  return `::${level} ${place}::${messageOf(describeFinding(finding))}`;
}

/** A report as annotations of GitHub's workflows, a line each. */
export const githubAnnotations = ({ findings, ignored, notChecked, errors }: Report): string =>
  [
    ...findings.map(annotation),
    ...errors.map((text) => `::error title=netbind::${messageOf(text)}`),
    ...notChecked.map((text) => `::notice title=netbind::${messageOf(`not checked: ${text}`)}`),
    ...(ignored.length === 0
      ? []
      : [
          `::notice title=netbind::${messageOf(`${ignored.length} ignored: ${ignored.map(({ rule }) => rule).join(", ")}`)}`,
        ]),
  ].join("\n");
