import { chmodSync, chownSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { violation } from "@netbind/contract";
import type { InputViolation } from "@netbind/input";
import { createTwoFilesPatch } from "diff";
import { EXIT } from "../exit-codes.ts";
import { readText, shownFile, STANDARD_INPUT } from "../input/read-text.ts";
import { DeadlineError, READING_DEADLINE, withinDeadline } from "../input/within-deadline.ts";
import { type Converted, convertText } from "../convert/rewrite-yaml.ts";
import { type OutputFormat, print, printDocument, printJson, printMessage } from "../output.ts";
import { InputError } from "../violations.ts";

export interface ConvertOptions {
  readonly filename: readonly string[];
  /** Changes the files instead of printing the diff. */
  readonly write: boolean;
  readonly output: OutputFormat;
}

/** A file, its text, and the converted text. */
interface ConvertedFile extends Converted {
  readonly file: string;
  readonly before: string;
}

function read(file: string): ConvertedFile | InputViolation {
  try {
    const before = readText(file);
    return { file, before, ...withinDeadline(READING_DEADLINE, () => convertText(before)) };
  } catch (error) {
    const fix = error instanceof DeadlineError ? "split the file, or leave out what makes it slow to read" : "name a file that exists";
    return {
      ...violation("", `it cannot be read: ${(error as Error).message}`, fix),
      file: shownFile(file),
      line: 1,
    };
  }
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
  const results = filename.map(read);
  const files = results.filter((result): result is ConvertedFile => "before" in result);
  const problems = [
    ...results.filter((result): result is InputViolation => !("before" in result)),
    ...files.flatMap(({ file, errors }) =>
      errors.map(({ line, text }) => ({ ...violation("", text, "correct the text"), file: shownFile(file), line })),
    ),
  ];
  if (problems.length > 0) throw new InputError(problems);
  for (const { file, warnings } of files)
    for (const { line, text } of warnings) printMessage(`warning: ${shownFile(file)}:${line}: ${text}`);
  const changed = files.filter(({ changes }) => changes.length > 0);
  if (write) for (const { file, text } of changed) if (file !== STANDARD_INPUT) replaceFile(file, text);
  if (output === "json") {
    printJson({ files: files.map(({ file, changes }) => ({ file, changes })) });
    return EXIT.ok;
  }
  for (const one of files) {
    if (one.file === STANDARD_INPUT) printDocument(one.text);
    else if (one.changes.length > 0) write ? print(`${one.file}: ${one.changes.length} changed`) : printDocument(patchOf(one));
  }
  if (changed.length === 0) printMessage("nothing to change");
  return EXIT.ok;
}
