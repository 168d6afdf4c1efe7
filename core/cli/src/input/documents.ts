import { type Violation, violation } from "@netbind/contract";
import { type Document, isMap, isNode, isSeq, LineCounter, parseAllDocuments, type ScalarTag } from "yaml";
import { readText, shownFile } from "./read-text.ts";

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

const SIZE_LIMIT = 4 * 1024 * 1024;

/** YAML as kubectl reads it: these words are booleans, and a leading zero means octal. */
const KUBECTL_TAGS: readonly ScalarTag[] = [
  {
    tag: "tag:yaml.org,2002:bool",
    default: true,
    test: /^(?:yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF)$/,
    resolve: (text) => /^(?:y|on)/i.test(text),
  },
  { tag: "tag:yaml.org,2002:int", default: true, test: /^[-+]?0[0-7]+$/, resolve: (text) => Number.parseInt(text, 8) },
];

/** The steps of a field path: `spec.networks[0].pod` is spec, networks, 0, pod. */
const steps = (field: string): readonly (string | number)[] =>
  [...field.matchAll(/([^.[\]]+)|\[(\d+)\]/g)].map(([, name, index]) => (index === undefined ? (name ?? "") : Number(index)));

function lineFinder(document: Document, root: readonly (string | number)[], counter: LineCounter): (field: string) => number {
  const offsetOf = (path: readonly (string | number)[]): number | undefined => {
    const node = document.getIn(path, true);
    const parent = path.length === 0 ? undefined : document.getIn(path.slice(0, -1), true);
    // A mapping's value may begin a line below its key: the key is what a person looks for.
    const pair = isMap(parent) ? parent.items.find(({ key }) => (isNode(key) ? String(key) : key) === String(path.at(-1))) : undefined;
    const key = pair?.key;
    if (isNode(key) && key.range) return key.range[0];
    return isNode(node) ? node.range?.[0] : undefined;
  };
  return (field) => {
    const path = [...root, ...steps(field)];
    for (let length = path.length; length >= 0; length--) {
      const offset = offsetOf(path.slice(0, length));
      if (offset !== undefined) return counter.linePos(offset).line;
    }
    return 1;
  };
}

/** A field without a value is a field that is not there, as the API server reads it. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== null)
      .map(([key, inner]) => [key, withoutNulls(inner)]),
  );
}

/** The objects of one YAML document: itself, or the items of a List. */
function objectsOf(file: string, document: Document, counter: LineCounter): readonly (InputDocument | InputViolation)[] {
  const value = document.toJS({ maxAliasCount: 100 }) as unknown;
  // A template of which nothing is left but comments.
  if (value === null || value === undefined) return [];
  const at = (path: readonly (string | number)[], inner: unknown): InputDocument | InputViolation => {
    const lineOf = lineFinder(document, path, counter);
    const line = lineOf("");
    if (inner === null || typeof inner !== "object" || Array.isArray(inner)) {
      return { ...violation("", "this is no Kubernetes object", "write apiVersion, kind, metadata and spec"), file, line };
    }
    return { file, line, value: withoutNulls(inner) as Record<string, unknown>, lineOf };
  };
  const items = isMap(document.contents) ? document.contents.get("items", true) : undefined;
  const isList =
    value !== null &&
    typeof value === "object" &&
    "kind" in value &&
    typeof value.kind === "string" &&
    value.kind.endsWith("List") &&
    isSeq(items);
  if (!isList) return [at([], value)];
  return (value as unknown as { items: unknown[] }).items.map((item, index) => at(["items", index], item));
}

/** Reads the objects of a text with any number of YAML documents. */
export function parseText(file: string, text: string): ReadResult {
  const counter = new LineCounter();
  const parsed = parseAllDocuments(text, {
    lineCounter: counter,
    version: "1.2",
    merge: true,
    customTags: (tags) => [...KUBECTL_TAGS, ...tags],
    prettyErrors: false,
  });
  if (!Array.isArray(parsed)) return { documents: [], violations: [] };
  const results = (parsed as readonly Document[]).flatMap((document): readonly (InputDocument | InputViolation)[] => {
    const errors = document.errors.map((error) => ({
      ...violation("", `this is no YAML that kubectl takes: ${error.message}`, "correct the text"),
      file,
      line: counter.linePos(error.pos[0]).line,
    }));
    if (errors.length > 0) return errors;
    try {
      return objectsOf(file, document, counter);
    } catch (error) {
      return [{ ...violation("", `this cannot be read: ${(error as Error).message}`, "correct the text"), file, line: 1 }];
    }
  });
  return {
    documents: results.filter((result): result is InputDocument => "lineOf" in result),
    violations: results.filter((result): result is InputViolation => "problem" in result),
  };
}

/** Reads files; `-` is standard input. */
export function readFiles(files: readonly string[]): ReadResult {
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
    return text.length > SIZE_LIMIT
      ? refuse(`it has ${text.length} characters, and ${SIZE_LIMIT} are the most`, "split the file")
      : parseText(name, text);
  });
  return { documents: results.flatMap(({ documents }) => documents), violations: results.flatMap(({ violations }) => violations) };
}
