import { isPrintable, terminalJson, terminalLine, terminalText } from "@netbind/engine";

/** How a command's result is printed. */
export type OutputFormat = "text" | "json";

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

/** Prints a document for another program: as it is, but for a person at a terminal. */
export function printDocument(text: string): void {
  if (process.stdout.isTTY && !isPrintable(text)) print(text);
  else process.stdout.write(text);
}

/** Prints what happens, on standard error. */
export const printMessage = (text: string): void => void process.stderr.write(`netbind: ${terminalText(text)}\n`);

/** Prints many things, a line or two each. */
export const printLines = (lines: readonly string[]): void =>
  void process.stderr.write(lines.map((line) => `${terminalText(line)}\n`).join(""));
