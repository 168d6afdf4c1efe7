import { joinResults, parseText, type ReadResult, refusedFile } from "@netbind/input";
import { readText, shownFile } from "./read-text.ts";
import { DeadlineError, READING_DEADLINE, withinDeadline } from "./within-deadline.ts";

/** A file, its text, and what the text says. */
export interface FileText {
  readonly file: string;
  /** Undefined where it cannot be read. */
  readonly text?: string;
  readonly result: ReadResult;
}

/** Reads a file; `-` is standard input. One that takes longer than the deadline, in milliseconds, is refused. */
export function readFileText(file: string, deadline: number = READING_DEADLINE): FileText {
  const name = shownFile(file);
  let text: string;
  try {
    text = readText(file);
  } catch (error) {
    return { file, result: refusedFile(name, `it cannot be read: ${(error as Error).message}`, "name a file that exists") };
  }
  try {
    return { file, text, result: withinDeadline(deadline, () => parseText(name, text)) };
  } catch (error) {
    if (!(error instanceof DeadlineError)) throw error;
    return { file, text, result: refusedFile(name, error.message, "split the file, or leave out what makes it slow to read") };
  }
}

/** Reads files as {@link readFileText} does, and gives what they say together. */
export const readFiles = (files: readonly string[], deadline: number = READING_DEADLINE): ReadResult =>
  joinResults(files.map((file) => readFileText(file, deadline).result));
