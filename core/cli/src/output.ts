import { styleText } from "node:util";
import { isPrintable, terminalJson, terminalLine, terminalText } from "@netbind/engine/terminal";
import { type FindingFormat, type Screen, type Style, type StyledLine, wrapLine } from "@netbind/view";
import { dump } from "js-yaml";

/** How a command's result is printed. */
export const OUTPUT_FORMATS = ["text", "json", "yaml"] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];
/** How findings are printed: as results are, and in formats of other tools. */
export const REPORT_FORMATS = ["text", "json", "yaml", "sarif", "junit", "github"] as const;
export type ReportFormat = (typeof REPORT_FORMATS)[number];

/** A line of a result may be long: a rule with many ports is one. */
const LONGEST_LINE = 64 * 1024;

const write = (text: string): void => void process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);

/**
 * Prints a result on standard output, and nothing else ever does. Its lines are the caller's; their content is
 * untrusted.
 */
export const print = (text: string): void =>
  write(
    text
      .split("\n")
      .map((line) => terminalLine(line, LONGEST_LINE))
      .join("\n"),
  );
export const printJson = (value: unknown): void => write(terminalJson(JSON.stringify(value, null, 2)));

/** A value as YAML. JSON is YAML too, and says what is not printable by escapes. */
export function yamlOf(value: unknown): string {
  const text = dump(JSON.parse(JSON.stringify(value)), { noRefs: true, lineWidth: -1 });
  return isPrintable(text) ? text : `${terminalJson(JSON.stringify(value, null, 2))}\n`;
}

/** Prints a result as data. In YAML each begins a document: a command may have several. */
export function printData(value: unknown, format: Exclude<OutputFormat, "text">): void {
  if (format === "json") printJson(value);
  else write(`---\n${yamlOf(value)}`);
}

const STYLES: Readonly<Record<Style, "red" | "yellow" | "green" | "bold" | "dim">> = {
  error: "red",
  warning: "yellow",
  good: "green",
  strong: "bold",
  dim: "dim",
};

/** Lines for a stream: in color and as wide as a terminal is, or as they are. NO_COLOR is respected. */
const paint = (lines: readonly StyledLine[], stream: NodeJS.WriteStream): string =>
  lines
    .flatMap((line) => (stream.isTTY ? wrapLine(line, stream.columns) : [line]))
    .map(
      (line) =>
        `${line.map(({ text, style }) => (style === undefined ? text : styleText(STYLES[style], text, { stream }))).join("")}\n`,
    )
    .join("");

/** How findings are written for a stream: a terminal shows the lines that they are on. */
export const findingFormat = (stream: NodeJS.WriteStream): FindingFormat => ({ excerpts: stream.isTTY });

/** Prints a result in lines whose pieces are printable already. */
export const printStyled = (lines: readonly StyledLine[]): void =>
  void process.stdout.write(paint(lines, process.stdout));

/** Prints what happens in such lines, on standard error. */
export const printStyledMessage = (lines: readonly StyledLine[]): void =>
  void process.stderr.write(paint(lines, process.stderr));

/** For what a result's tables are made: a terminal's width, and of a file or a pipe none. */
export const screen = (): Screen => ({
  // Some terminals say that they have no columns.
  width: (process.stdout.isTTY && process.stdout.columns) || Number.POSITIVE_INFINITY,
  now: Date.now(),
});

/** Prints a document for another program: as it is, but for a person at a terminal. */
export function printDocument(text: string): void {
  if (process.stdout.isTTY && !isPrintable(text)) print(text);
  else process.stdout.write(text);
}

/** Prints how a command is used: a text of this program's own. */
export const printUsage = (text: string, stream: NodeJS.WriteStream): void => void stream.write(text);

/** Prints what happens, on standard error. */
export const printMessage = (text: string): void =>
  printStyledMessage(`netbind: ${terminalText(text)}`.split("\n").map((line) => [{ text: line }]));
