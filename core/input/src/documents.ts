import { violation } from "@netbind/contract";
import { DEFAULT_NAMESPACE } from "@netbind/kubevirt";
import type { CodedViolation } from "@netbind/kubevirt/admission";
import { parseYaml, type YamlDocument, type YamlProblem } from "./parse-yaml.ts";
import { fillParameters, isTemplate, parametersOf } from "./template.ts";
import type { Excerpt, Place } from "./lines.ts";
import { type Budget, itemsOf } from "./lists.ts";
import type { YamlPath } from "./yaml-positions.ts";

/** Which object of the input something is about. */
export interface ObjectName {
  readonly kind: string;
  readonly namespace: string;
  /** Its name; of one that the cluster names, the beginning of that and an asterisk. */
  readonly name: string;
}

/** A violation with the place of the text that it is about; both numbers begin at 1. */
export interface InputViolation extends CodedViolation {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** What stands there; nothing where a file is refused as a whole. */
  readonly excerpt?: Excerpt;
  /** The object that it is in; nothing where the text is not one. */
  readonly object?: ObjectName;
}

/** One Kubernetes object of the input, and where it stands. */
export interface InputDocument {
  readonly file: string;
  /** Its first line. */
  readonly line: number;
  readonly value: Readonly<Record<string, unknown>>;
  /** The namespace that it is in: its own, or the reader's where it names none. Of an object of the cluster it means nothing. */
  readonly namespace: string;
  /** The line of the nearest thing that exists on a field's path. */
  readonly lineOf: (field: string) => number;
  /** The same with its column. */
  readonly placeOf: (field: string) => Place;
  /** The text of a field's value as it is written; undefined where the field has no scalar. */
  readonly scalarAt: (field: string) => string | undefined;
  /** The document that it is written in, and the way to it there. */
  readonly source: { readonly yaml: YamlDocument; readonly path: YamlPath };
}

/** Documents that could be read, and what could not. */
export interface ReadResult {
  readonly documents: readonly InputDocument[];
  readonly violations: readonly InputViolation[];
}

/** What a text says, and all its YAML documents, those without an object included. */
export interface ParsedText extends ReadResult {
  readonly yaml: readonly YamlDocument[];
}

/** The most characters of a file: some ten thousand VMs. */
const SIZE_LIMIT = 16 * 1024 * 1024;

/** How many times more values than are written may aliases make of a document: a few lines of them can stand for billions. */
const ALIAS_FACTOR = 10;

/** The steps of a field path: `spec.networks[0].pod` is spec, networks, 0, pod. */
const steps = (field: string): YamlPath =>
  [...field.matchAll(/([^.[\]]+)|\[(\d+)\]/g)].map(([, name, index]) =>
    index === undefined ? (name ?? "") : Number(index),
  );

/** A field without a value is a field that is not there, as the API server reads it. @throws Error where its aliases make too much of it */
function withoutNulls(value: unknown, budget: Budget): unknown {
  if (--budget.left < 0) throw new Error("its aliases repeat too much");
  if (value === null || typeof value !== "object") return value;
  return Array.isArray(value) ? listWithoutNulls(value, budget) : objectWithoutNulls(value, budget);
}

// Most have no null at all: what changes nothing is not copied, for a file may have thousands of objects.
function listWithoutNulls(list: readonly unknown[], budget: Budget): readonly unknown[] {
  let copy: unknown[] | undefined;
  for (let at = 0; at < list.length; at++) {
    const inner = withoutNulls(list[at], budget);
    if (inner === list[at]) continue;
    copy ??= [...list];
    copy[at] = inner;
  }
  return copy ?? list;
}

function objectWithoutNulls(value: object, budget: Budget): object {
  const fields: Readonly<Record<string, unknown>> = value as Record<string, unknown>;
  let changed: Map<string, unknown> | undefined;
  for (const key of Object.keys(fields)) {
    const before = fields[key];
    const inner = before === null ? undefined : withoutNulls(before, budget);
    if (inner === before) continue;
    changed ??= new Map();
    changed.set(key, inner);
  }
  if (changed === undefined) return value;
  const now = ([key, before]: [string, unknown]): [string, unknown] => [
    key,
    changed.has(key) ? changed.get(key) : before,
  ];
  return Object.fromEntries(
    Object.entries(fields)
      .map(now)
      .filter(([, inner]) => inner !== undefined),
  );
}

/** The namespace that an object is in, where it names none the given one. */
function namespaceOf({ metadata }: { readonly metadata?: unknown }, otherwise: string): string {
  const own = typeof metadata === "object" && metadata !== null && "namespace" in metadata ? metadata.namespace : "";
  return (typeof own === "string" && own) || otherwise;
}

/** A text, as its objects are read. */
interface ReadAs {
  readonly file: string;
  /** Of objects that name none. */
  readonly namespace: string;
}

/** The objects of one YAML document: itself, the items of a List, or the objects of a Template. */
function objectsOf({ file, namespace }: ReadAs, document: YamlDocument): readonly (InputDocument | InputViolation)[] {
  const { value } = document;
  // What is filled in of a template is not what is written.
  const isPlain = document.isPlain && !isTemplate(value);
  const budget = { left: ALIAS_FACTOR * document.size };
  // A template of which nothing is left but comments.
  if (value === null || value === undefined) return [];
  const at = (path: YamlPath, inner: unknown): InputDocument | InputViolation => {
    const lineOf = (field: string): number => document.lineOf([...path, ...steps(field)]);
    const placeOf = (field: string): Place => document.placeOf([...path, ...steps(field)]);
    const scalarAt = (field: string): string | undefined => document.scalarAt([...path, ...steps(field)]);
    if (inner === null || typeof inner !== "object" || Array.isArray(inner)) {
      const found = violation("", "this is not a Kubernetes object", "write apiVersion, kind, metadata and spec");
      return { ...found, file, ...placeOf("") };
    }
    return {
      file,
      // A place costs more than it seems, and it is needed for few objects.
      get line() {
        return lineOf("");
      },
      namespace: namespaceOf(inner, namespace),
      value: (isPlain ? inner : withoutNulls(inner, budget)) as Record<string, unknown>,
      lineOf,
      placeOf,
      scalarAt,
      source: { yaml: document, path },
    };
  };
  if (isTemplate(value)) {
    const parameters = parametersOf(value);
    return value.objects.map((inner, index) => at(["objects", index], fillParameters(inner, parameters)));
  }
  return itemsOf(value, [], budget).map(({ path, value: item }) => at(path, item));
}

/** A text, or something else, that is refused as a whole. */
export const refusedFile = (file: string, problem: string, fix: string): ReadResult => ({
  documents: [],
  violations: [{ ...violation("", problem, fix), file, line: 1, column: 1 }],
});

/** What several texts say together. */
export const joinResults = (results: readonly ReadResult[]): ReadResult => ({
  documents: results.flatMap(({ documents }) => documents),
  violations: results.flatMap(({ violations }) => violations),
});

/** What to do about text that is not YAML, by what the parser says; nothing where that says it already. */
const YAML_HINTS: readonly (readonly [RegExp, string])[] = [
  [/\btab\b/, "indent with spaces"],
  [/indentation/, "align the line with its siblings, two spaces behind what they belong to"],
  [/null byte/, "remove the null bytes, or name a text file"],
  [/unknown (?:scalar|sequence|mapping) tag/, "remove the tag: kubectl reads plain YAML only"],
  [/complex keys/, "write a plain name before each colon; text in braces goes in quotes"],
  [/missed comma/, "write a comma between the entries, and close the brackets and braces that are open here"],
  [/quoted scalar|closing|end of the stream/, "close the quotes or brackets that are open here"],
];
const yamlHint = (problem: string): string => YAML_HINTS.find(([pattern]) => pattern.test(problem))?.[1] ?? "";

/** What one YAML document says. */
function readDocument(as: ReadAs, document: YamlDocument | YamlProblem): readonly (InputDocument | InputViolation)[] {
  const refused = (problem: string, place: Place, fix = ""): readonly InputViolation[] => [
    { ...violation("", problem, fix), file: as.file, ...place },
  ];
  if ("problem" in document)
    return refused(document.problem, document.place, document.fix ?? yamlHint(document.problem));
  try {
    return objectsOf(as, document);
  } catch (error) {
    return refused(`this cannot be read: ${(error as Error).message}`, document.placeOf([]));
  }
}

/**
 * Reads the objects of a text with any number of YAML documents; `file` is its name in what is found, and `namespace` the one
 * of objects that name none.
 */
export function parseText(file: string, text: string, namespace: string = DEFAULT_NAMESPACE): ParsedText {
  if (text.length > SIZE_LIMIT)
    return {
      ...refusedFile(file, `it has ${text.length} characters, and ${SIZE_LIMIT} are the most`, "split the file"),
      yaml: [],
    };
  const parsed = parseYaml(text);
  const yaml = parsed.filter((document): document is YamlDocument => "value" in document);
  const results = parsed.flatMap((document) => readDocument({ file, namespace }, document));
  return {
    documents: results.filter((result): result is InputDocument => "lineOf" in result),
    violations: results.filter((result): result is InputViolation => "problem" in result),
    yaml,
  };
}
