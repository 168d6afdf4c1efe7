import { type Violation, violation } from "@netbind/contract";
import { parseYaml, type YamlDocument, type YamlPath } from "./parse-yaml.ts";
import { readText, shownFile } from "./read-text.ts";
import { DeadlineError, READING_DEADLINE, withinDeadline } from "./within-deadline.ts";

/** A violation with the place of the text that it is about. */
export interface InputViolation extends Violation {
  readonly file: string;
  readonly line: number;
}

/** One Kubernetes object of the input, and where it stands. */
export interface InputDocument {
  readonly file: string;
  /** Its first line. */
  readonly line: number;
  readonly value: Readonly<Record<string, unknown>>;
  /** The line of the nearest thing that exists on a field's path. */
  readonly lineOf: (field: string) => number;
}

/** Documents that could be read, and what could not. */
export interface ReadResult {
  readonly documents: readonly InputDocument[];
  readonly violations: readonly InputViolation[];
}

/** The most characters of a file: some ten thousand VMs. */
const SIZE_LIMIT = 16 * 1024 * 1024;

/** How many times more values than are written may aliases make of a document: a few lines of them can stand for billions. */
const ALIAS_FACTOR = 10;

/** The steps of a field path: `spec.networks[0].pod` is spec, networks, 0, pod. */
const steps = (field: string): YamlPath =>
  [...field.matchAll(/([^.[\]]+)|\[(\d+)\]/g)].map(([, name, index]) => (index === undefined ? (name ?? "") : Number(index)));

/** What a document may still hold. */
interface Budget {
  left: number;
}

/** A field without a value is a field that is not there, as the API server reads it. @throws Error where its aliases make too much of it */
function withoutNulls(value: unknown, budget: Budget): unknown {
  if (--budget.left < 0) throw new Error("its aliases repeat too much");
  if (Array.isArray(value)) return value.map((inner) => withoutNulls(inner, budget));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== null)
      .map(([key, inner]) => [key, withoutNulls(inner, budget)]),
  );
}

/** The objects of one YAML document: itself, or the items of a List. */
function objectsOf(file: string, document: YamlDocument): readonly (InputDocument | InputViolation)[] {
  const { value } = document;
  const budget = { left: ALIAS_FACTOR * document.size };
  // A template of which nothing is left but comments.
  if (value === null || value === undefined) return [];
  const at = (path: YamlPath, inner: unknown): InputDocument | InputViolation => {
    const lineOf = (field: string): number => document.lineOf([...path, ...steps(field)]);
    if (inner === null || typeof inner !== "object" || Array.isArray(inner)) {
      const found = violation("", "this is no Kubernetes object", "write apiVersion, kind, metadata and spec");
      return { ...found, file, line: lineOf("") };
    }
    return {
      file,
      // A place costs more than it seems, and of most objects nobody asks for it.
      get line() {
        return lineOf("");
      },
      value: withoutNulls(inner, budget) as Record<string, unknown>,
      lineOf,
    };
  };
  const isList =
    typeof value === "object" &&
    "kind" in value &&
    typeof value.kind === "string" &&
    value.kind.endsWith("List") &&
    "items" in value &&
    Array.isArray(value.items);
  if (!isList) return [at([], value)];
  return (value as unknown as { items: unknown[] }).items.map((item, index) => at(["items", index], item));
}

/** Reads the objects of a text with any number of YAML documents. */
export function parseText(file: string, text: string): ReadResult {
  const results = parseYaml(text).flatMap((document): readonly (InputDocument | InputViolation)[] => {
    if ("problem" in document)
      return [
        { ...violation("", `this is no YAML that kubectl takes: ${document.problem}`, "correct the text"), file, line: document.line },
      ];
    try {
      return objectsOf(file, document);
    } catch (error) {
      return [
        { ...violation("", `this cannot be read: ${(error as Error).message}`, "correct the text"), file, line: document.lineOf([]) },
      ];
    }
  });
  return {
    documents: results.filter((result): result is InputDocument => "lineOf" in result),
    violations: results.filter((result): result is InputViolation => "problem" in result),
  };
}

/** Reads files; `-` is standard input. One that takes longer than the deadline, in milliseconds, is refused. */
export function readFiles(files: readonly string[], deadline: number = READING_DEADLINE): ReadResult {
  const results = files.map((file): ReadResult => {
    const name = shownFile(file);
    const refuse = (problem: string, fix: string): ReadResult => ({
      documents: [],
      violations: [{ ...violation("", problem, fix), file: name, line: 1 }],
    });
    let text: string;
    try {
      text = readText(file);
    } catch (error) {
      return refuse(`it cannot be read: ${(error as Error).message}`, "name a file that exists");
    }
    if (text.length > SIZE_LIMIT) return refuse(`it has ${text.length} characters, and ${SIZE_LIMIT} are the most`, "split the file");
    try {
      return withinDeadline(deadline, () => parseText(name, text));
    } catch (error) {
      if (error instanceof DeadlineError) return refuse(error.message, "split the file, or leave out what makes it slow to read");
      throw error;
    }
  });
  return { documents: results.flatMap(({ documents }) => documents), violations: results.flatMap(({ violations }) => violations) };
}
