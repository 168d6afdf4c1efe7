import { type InputViolation, joinResults, parseText, type ReadResult, refusedFile } from "@netbind/input";
import { DeadlineError, EncodingError, TooLargeError } from "../errors.ts";
import { readText, shownFile } from "./read-text.ts";
import { READING_DEADLINE, withinDeadline } from "./within-deadline.ts";

/** How a text is read: `name` is its file's, for messages. */
type ReadAs<T> = (name: string, text: string) => T;

/** What a file's text is read as, or why it is refused as a whole. */
export type FileText<T> =
  | { readonly text: string; readonly read: T }
  | { readonly violations: readonly InputViolation[] };

function fixOf(error: unknown): string {
  if (error instanceof DeadlineError) return "split the file, or leave out what makes it slow to read";
  if (error instanceof Error && "code" in error && error.code === "EISDIR")
    return "name a directory with *.yaml, *.yml or *.json files in it, or use -R for those below it";
  if (error instanceof TooLargeError) return "split the file";
  return error instanceof EncodingError ? "write it in UTF-8" : "name a file that exists";
}

/** Reads a file; `-` is standard input. One that takes longer than the deadline, in milliseconds, is refused. */
export function readFileAs<T>(file: string, readAs: ReadAs<T>, deadline: number = READING_DEADLINE): FileText<T> {
  const name = shownFile(file);
  const refuse = (problem: string, error: unknown): FileText<T> => refusedFile(name, problem, fixOf(error));
  let text: string;
  try {
    text = readText(file);
  } catch (error) {
    return refuse(`it cannot be read: ${(error as Error).message}`, error);
  }
  try {
    return { text, read: withinDeadline(deadline, () => readAs(name, text)) };
  } catch (error) {
    if (error instanceof DeadlineError) return refuse(error.message, error);
    throw error;
  }
}

/** How the objects of files are read. */
interface Reading {
  /** Milliseconds for a file. */
  readonly deadline?: number;
  /** Of objects that name none. Absent: `default`. */
  readonly namespace?: string | undefined;
}

/** Reads the objects of files as {@link readFileAs} reads each. */
export function readFiles(files: readonly string[], { deadline, namespace }: Reading = {}): ReadResult {
  const readAs = (name: string, text: string): ReadResult => parseText(name, text, namespace);
  const results = files.map((file) => readFileAs(file, readAs, deadline));
  return joinResults(results.map((one) => ("read" in one ? one.read : { documents: [], violations: one.violations })));
}
