import { chmodSync, chownSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { type ConvertedText, convertRemovedBindings, type InputViolation } from "@netbind/input";
import { createTwoFilesPatch } from "diff";
import type { OutputFormat } from "../output.ts";
import { EXIT } from "../exit-codes.ts";
import { warnDuplicates } from "./warn-duplicates.ts";
import { readFileAs } from "../input/read-files.ts";
import { shownFile, STANDARD_INPUT } from "../input/read-text.ts";
import { print, printData, printDocument, printMessage } from "../output.ts";
import { InputError } from "../errors.ts";

/** The options of `netbind convert`. */
export interface ConvertOptions {
  readonly filename: readonly string[];
  /** Changes the files instead of printing the diff. */
  readonly write: boolean;
  readonly output: OutputFormat;
}

/** A file, its text, and the converted text. */
interface ConvertedFile extends ConvertedText {
  readonly file: string;
  readonly before: string;
}

function readConverted(file: string): ConvertedFile | readonly InputViolation[] {
  const result = readFileAs(file, convertRemovedBindings);
  return "read" in result ? { file, before: result.text, ...result.read } : result.violations;
}

/** Replaces a file in one step: a reader sees the old text or the new one, whole. */
function replaceFile(file: string, text: string): void {
  const target = realpathSync(file);
  const { mode, uid, gid } = statSync(target);
  const temporary = `${target}.netbind-${process.pid}`;
  try {
    writeFileSync(temporary, text, { flag: "wx", mode: 0o600 });
    chownSync(temporary, uid, gid);
    chmodSync(temporary, mode & 0o7777);
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

const patchOf = ({ file, before, text }: ConvertedFile): string =>
  createTwoFilesPatch(file, file, before, text, undefined, undefined, { context: 3 }).replace(/^Index: .*\n=+\n/, "");

/**
 * `netbind convert`: converts the core bindings that KubeVirt 1.3 removed to binding plugins. Prints a diff, or changes the
 * files with `write`. Input from standard input is printed whole, converted, on standard output.
 */
export async function convert({ filename, write, output }: ConvertOptions): Promise<number> {
  const results = filename.map(readConverted);
  const files = results.filter((result): result is ConvertedFile => "before" in result);
  const problems = results.flatMap((result) => ("before" in result ? result.violations : result));
  if (problems.length > 0) throw new InputError(problems);
  warnDuplicates(files.flatMap(({ duplicates }) => duplicates));
  for (const { file, warnings } of files)
    for (const { line, text } of warnings) printMessage(`warning: ${shownFile(file)}:${line}: ${text}`);
  const changed = files.filter(({ changes }) => changes.length > 0);
  if (write) for (const { file, text } of changed) if (file !== STANDARD_INPUT) replaceFile(file, text);
  if (output !== "text") {
    printData({ files: files.map(({ file, changes }) => ({ file, changes })) }, output);
    return EXIT.ok;
  }
  for (const one of files) {
    if (one.file === STANDARD_INPUT) printDocument(one.text);
    else if (one.changes.length > 0)
      write ? print(`${one.file}: ${one.changes.length} changed`) : printDocument(patchOf(one));
  }
  if (changed.length === 0) printMessage("nothing to change");
  return EXIT.ok;
}
