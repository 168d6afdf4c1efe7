import { defined } from "@netbind/contract";
import { constructFromEvents, EVENT_ID, type Event, parseEvents, YAMLException } from "js-yaml";
import { findJsonSlip, splitJson } from "./json-stream.ts";
import { type IndentedText, indentLaxLines } from "./lax-indentation.ts";
import { KUBECTL_SCHEMA, LONGEST_NULL, NULLS } from "./kubectl-schema.ts";
import { findField, type YamlField } from "./yaml-fields.ts";
import { countLineBreaks, Lines, type Place } from "./lines.ts";
import { type DuplicateKey, LIMITS, type Part, type WrittenKey, WrittenText } from "./written-text.ts";
import { bareKeysOf, endOf, type YamlPath } from "./yaml-positions.ts";

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
  /** True where every value is written, and none by an alias: nothing of it counts as absent, and nothing is repeated. */
  readonly isPlain: boolean;
  /** Keys that are written more than once in one mapping: kubectl takes the last one. */
  readonly duplicates: readonly DuplicateKey[];
  /** Keys in braces with neither a colon nor a value: what was meant as part of a text, behind its comma. */
  readonly bareKeys: readonly WrittenKey[];
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

/** How many keys of a document with the same mistake are reported: the rest is of the same kind. */
const MOST_KEYS = 20;

/** What a text's documents say, and what is known of how they are written. */
interface Constructed {
  readonly values: readonly unknown[];
  /** Where each document's root is among the text's events, and where it ends. */
  readonly spans: readonly { readonly root: number; readonly end: number }[];
  /** True where every value is written, and none by an alias. */
  readonly isPlain: boolean;
  /** True where no mapping has a key twice. */
  readonly isUnique: boolean;
  /** The indices of events that are keys in braces without a colon. */
  readonly bareKeys: readonly number[];
}

/** Reads a text's documents. @throws YAMLException for the first text that is not valid YAML */
function construct(text: string): Constructed {
  const options = { source: text, schema: KUBECTL_SCHEMA, ...LIMITS };
  const events = parseEvents(text, LIMITS);
  const isPlainText = events.every((event) => isPlain(text, event));
  const bareKeys = isPlainText ? [] : bareKeysOf(text, events, MOST_KEYS);
  const written = { spans: spansOf(events), isPlain: isPlainText, bareKeys };
  try {
    return { ...written, values: constructFromEvents(events, options), isUnique: true };
  } catch (error) {
    if (!(error instanceof YAMLException) || error.reason !== "duplicated mapping key") throw error;
    return { ...written, values: constructFromEvents(events, { ...options, json: true }), isUnique: false };
  }
}

/** True for what is not an alias, and does not look like a null. */
function isPlain(text: string, event: Event): boolean {
  if (event.type !== EVENT_ID.SCALAR) return event.type !== EVENT_ID.ALIAS;
  const { valueStart: start, valueEnd: end } = event;
  return start >= 0 && (end - start > LONGEST_NULL || !NULLS.includes(text.slice(start, end)));
}

/** Where the documents of events are. */
function spansOf(events: readonly Event[]): Constructed["spans"] {
  const spans: { readonly root: number; readonly end: number }[] = [];
  for (let at = 0; at < events.length; ) {
    const end = endOf(events, at);
    spans.push({ root: at + 1, end });
    at = end;
  }
  return spans;
}

/** The documents of a text; `indented` is the same text with lines indented. @throws YAMLException for the first text that is not valid YAML */
function readDocuments(part: Part, indented?: IndentedText): readonly YamlDocument[] {
  const { values, spans, isPlain, isUnique, bareKeys } = construct(indented?.text ?? part.text);
  const written = new WrittenText(part, indented);
  return spans.map(({ root, end }, at) => ({
    value: values[at],
    size: end - root,
    isPlain,
    lineOf: (path) => written.placeOf(root, path).line,
    placeOf: (path) => written.placeOf(root, path),
    scalarAt: (path) => written.places.scalarAt(root, path),
    fieldAt: (path) => findField(written, root, path),
    duplicates: isUnique ? [] : written.duplicatesIn(root, end, MOST_KEYS),
    bareKeys: bareKeys.filter((key) => key > root && key < end).map((key) => written.keyAt(root, key)),
  }));
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

/** A line that begins a document, but for the first one: whatever stands before, "---" at a line's beginning does (YAML 1.2.2, 9.1.2). */
const DOCUMENT_START = /[\n\r]---(?=[ \t\n\r]|$)/g;

/** A line that says something: it is neither empty nor a comment nor a directive. */
const CONTENT = /^\uFEFF?[ \t]*[^\s#%]/m;

/** Cuts a text before each line that begins a document. */
function splitDocuments(text: string): readonly Part[] {
  const parts: Part[] = [];
  let [line, offset] = [1, 0];
  const starts = Array.from(text.matchAll(DOCUMENT_START), ({ index }) => index + 1);
  for (const end of [...starts, text.length]) {
    const part = text.slice(offset, end);
    // Directives are of the document behind them.
    if (end < text.length && !CONTENT.test(part)) continue;
    parts.push({ text: part, line, offset });
    line += countLineBreaks(part);
    offset = end;
  }
  return parts;
}

/** What a text says that Helm or another program is yet to make YAML of. */
const TEMPLATE_ACTION = /(?<!\$)\{\{/;

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
    return objects.flatMap(({ text, at }) => {
      const read = text === "," ? [] : readPart({ text, line: lines.at(at), offset: part.offset + at });
      const slip = read.some((one) => "problem" in one) ? undefined : findJsonSlip(text);
      if (slip === undefined) return read;
      return [{ problem: slip.problem, fix: slip.fix, place: lines.placeOf(at + slip.at) }];
    });
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
  const parts = splitDocuments(text);
  try {
    // One at a time: what is made of a document's text on the way is gone before the next one is read.
    return parts.flatMap((part) => readDocuments(part));
  } catch {
    return withOneTemplateProblem(parts.flatMap(readPart));
  }
}
