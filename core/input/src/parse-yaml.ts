import { defined } from "@netbind/contract";
import { constructFromEvents, parseEvents, YAMLException } from "js-yaml";
import { splitJson } from "./json-stream.ts";
import { type IndentedText, indentLaxLines } from "./lax-indentation.ts";
import { KUBECTL_SCHEMA } from "./kubectl-schema.ts";
import { findField, type YamlField } from "./yaml-fields.ts";
import { Lines, type Place } from "./lines.ts";
import { endOf, Positions, type YamlPath } from "./yaml-positions.ts";

/** One YAML document: what it says, and where. */
export interface YamlDocument {
  readonly value: unknown;
  /** How many values are written in it: what its aliases repeat is not counted again. */
  readonly size: number;
  /** The line of the nearest thing that exists on a path; of a mapping's field, where its key is. */
  readonly lineOf: (path: YamlPath) => number;
  /** The same with its column. */
  readonly placeOf: (path: YamlPath) => Place;
  /** The text of a scalar, as it is written; undefined where there is none on a path. */
  readonly scalarAt: (path: YamlPath) => string | undefined;
  /** Where a field of a mapping is written, through aliases and merge keys; undefined where there is none. */
  readonly fieldAt: (path: YamlPath) => YamlField | undefined;
  /** Keys that are written more than once in one mapping: kubectl takes the last one. */
  readonly duplicates: readonly DuplicateKey[];
}

/** A key that a mapping has more than once: the way to it, where it is written last, and the line where it is before. */
export interface DuplicateKey {
  readonly path: YamlPath;
  readonly place: Place;
  readonly before: number;
}

/** A text that is not valid YAML. */
export interface YamlProblem {
  readonly problem: string;
  /** What to do, where it is known. */
  readonly fix?: string;
  /** True for the template of another program. */
  readonly isTemplate?: boolean;
  readonly place: Place;
}

/** The most characters that are quoted of what a YAML parser says. */
const LONGEST_REASON = 200;

/** How deep collections may be, and how many aliases a document may have. */
const LIMITS = { maxDepth: 200, maxAliases: 100 } as const;

/** A part of a text. */
interface Part {
  readonly text: string;
  /** The number of its first line, and the offset of its first character, in the whole. */
  readonly line: number;
  readonly offset: number;
}

/** The values of a text's documents, and whether every key in it is written once. @throws YAMLException */
function construct(text: string, events: ReturnType<typeof parseEvents>) {
  const options = { source: text, schema: KUBECTL_SCHEMA, ...LIMITS };
  try {
    return { values: constructFromEvents(events, options), isUnique: true };
  } catch (error) {
    if (!(error instanceof YAMLException) || error.reason !== "duplicated mapping key") throw error;
    return { values: constructFromEvents(events, { ...options, json: true }), isUnique: false };
  }
}

/** How many keys that are written twice are reported of a document: the rest is of the same kind. */
const MOST_DUPLICATES = 20;

/** The documents of a text; `indented` is the same text with lines indented. @throws YAMLException for the first text that is not valid YAML */
function readDocuments({ text: written, line, offset }: Part, indented?: IndentedText): readonly YamlDocument[] {
  const text = indented?.text ?? written;
  const original = indented?.original ?? ((at: number): number => at);
  const events = parseEvents(text, LIMITS);
  const { values, isUnique } = construct(text, events);
  const [lines, shifted] = [new Lines(written, line), new Lines(text, line)];
  const places = new Positions(text, events);
  let next = 0;
  return values.map((value) => {
    const root = next + 1;
    next = endOf(events, next);
    const find = (path: YamlPath): number => original(places.nearestOf(root, path).offset ?? 0);
    const scalarAt = (path: YamlPath): string | undefined => places.scalarAt(root, path);
    const lineOf = (path: YamlPath): number => lines.at(find(path));
    const placeOf = (path: YamlPath): Place => lines.placeOf(find(path));
    const source = { text, inWhole: (at: number): number => original(at) + offset, lines: shifted, places };
    const fieldAt = (path: YamlPath): YamlField | undefined => findField(source, root, path);
    const repeated = isUnique ? [] : places.repeatedKeysIn(root, next, MOST_DUPLICATES);
    const duplicates = repeated.map(({ path, at, before }) => ({
      path,
      place: lines.placeOf(original(at)),
      before: lines.at(original(before)),
    }));
    return { value, size: next - root, lineOf, placeOf, scalarAt, fieldAt, duplicates };
  });
}

/** Reads a text as YAML says, and where that is not possible, as the laxer reader of kubectl does. @throws YAMLException */
function readLax(part: Part): readonly YamlDocument[] {
  try {
    return readDocuments(part);
  } catch (error) {
    const isLax = error instanceof YAMLException && error.reason === "deficient indentation";
    const indented = isLax ? indentLaxLines(part.text) : undefined;
    if (indented === undefined) throw error;
    return readDocuments(part, indented);
  }
}

/** Cuts a text before each line that begins a document: whatever stands before, "---" at a line's beginning does (YAML 1.2.2, 9.1.2). */
function splitDocuments(text: string): readonly Part[] {
  const isOnlyDirectives = (part: string): boolean => part.split("\n").every((row) => /^\s*(?:[#%]|$)/.test(row));
  let [line, offset] = [1, 0];
  const parts: { text: string; line: number; offset: number }[] = [];
  for (const part of text.split(/^(?=---(?:\s|$))/m)) {
    const last = parts.at(-1);
    // Directives are of the document behind them.
    if (last !== undefined && isOnlyDirectives(last.text)) last.text += part;
    else parts.push({ text: part, line, offset });
    line += part.split("\n").length - 1;
    offset += part.length;
  }
  return parts;
}

/** What a text says that Helm or another program is yet to make YAML of. */
const TEMPLATE_ACTION = /\{\{/;

/** A line that is indented with a space which web pages and word processors write, and YAML takes for a letter. */
const UNUSUAL_SPACE = /^ *[\u00a0\u2007\u202f\u3000]/m;

function problemOf(error: unknown, { text, line }: Part): YamlProblem {
  const lines = new Lines(text, line);
  const action = TEMPLATE_ACTION.exec(text);
  if (action !== null)
    return {
      problem: "this is a Helm template that is not rendered",
      fix: "render it first: helm template . | netbind validate -f -",
      isTemplate: true,
      place: lines.placeOf(action.index),
    };
  if (!(error instanceof YAMLException))
    return { problem: `invalid YAML: ${(error as Error).message}`, place: lines.placeOf(0) };
  // A reason may quote all that follows.
  const space = UNUSUAL_SPACE.exec(text);
  const fix =
    space === null ? undefined : `line ${lines.at(space.index)} is indented with a no-break space: write plain spaces`;
  const reason = error.reason.length > LONGEST_REASON ? `${error.reason.slice(0, LONGEST_REASON)} ...` : error.reason;
  return {
    problem: `invalid YAML: ${reason}`,
    ...defined({ fix }),
    place: lines.placeOf(Math.min(error.mark?.position ?? 0, text.length)),
  };
}

function readPart(part: Part): readonly (YamlDocument | YamlProblem)[] {
  try {
    return readLax(part);
  } catch (error) {
    const objects = splitJson(part.text);
    if (objects.length < 2) return [problemOf(error, part)];
    const lines = new Lines(part.text, part.line);
    return objects.flatMap(({ text, at }) => readPart({ text, line: lines.at(at), offset: part.offset + at }));
  }
}

/** That a template is not rendered is the cause of all that cannot be read of it. */
function withOneTemplateProblem(
  read: readonly (YamlDocument | YamlProblem)[],
): readonly (YamlDocument | YamlProblem)[] {
  const first = read.find((one) => "problem" in one && one.isTemplate === true);
  return first === undefined ? read : read.filter((one) => one === first || !("problem" in one));
}

/** Reads a text with any number of YAML documents, or of JSON objects. One that is not valid does not hide the others. */
export function parseYaml(text: string): readonly (YamlDocument | YamlProblem)[] {
  try {
    return readDocuments({ text, line: 1, offset: 0 });
  } catch {
    return withOneTemplateProblem(splitDocuments(text).flatMap(readPart));
  }
}
