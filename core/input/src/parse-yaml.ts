import { constructFromEvents, EVENT_ID, type Event, getScalarValue, parseEvents, YAMLException } from "js-yaml";
import { KUBECTL_SCHEMA } from "./kubectl-schema.ts";

/** The steps to a field: names of mappings, indices of sequences. */
export type YamlPath = readonly (string | number)[];

/** One YAML document: what it says, and where. */
export interface YamlDocument {
  readonly value: unknown;
  /** How many values are written in it: what its aliases repeat is not counted again. */
  readonly size: number;
  /** The line of the nearest thing that exists on a path; of a mapping's field, where its key is. */
  readonly lineOf: (path: YamlPath) => number;
}

/** A text that is no YAML. */
export interface YamlProblem {
  readonly problem: string;
  readonly line: number;
}

/** How deep collections may be, and how many aliases a document may have. */
const LIMITS = { maxDepth: 200, maxAliases: 100 } as const;

/** Where the lines of a text begin. */
class Lines {
  readonly #text: string;
  readonly #first: number;
  /** Found once somebody asks for a line. */
  #starts: readonly number[] = [];

  constructor(text: string, first: number) {
    this.#text = text;
    this.#first = first;
  }

  /** The line of an offset. */
  at(offset: number): number {
    if (this.#starts.length === 0) this.#starts = [0, ...Array.from(this.#text.matchAll(/\n/g), ({ index }) => index + 1)];
    let [low, high] = [0, this.#starts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return this.#first + low;
  }
}

const opens = (event: Event | undefined): boolean =>
  event?.type === EVENT_ID.DOCUMENT || event?.type === EVENT_ID.MAPPING || event?.type === EVENT_ID.SEQUENCE;

/** The index behind the node that begins at an index. */
function endOf(events: readonly Event[], start: number): number {
  let open = 0;
  let at = start;
  do {
    if (opens(events[at])) open++;
    else if (events[at]?.type === EVENT_ID.POP) open--;
    at++;
  } while (open > 0);
  return at;
}

/** Where a node begins in the text; undefined for one that is not written. */
function offsetOf(event: Event | undefined): number | undefined {
  switch (event?.type) {
    case EVENT_ID.MAPPING:
    case EVENT_ID.SEQUENCE:
      return event.start;
    case EVENT_ID.SCALAR:
      return event.valueStart < 0 ? undefined : event.valueStart;
    case EVENT_ID.ALIAS:
      return event.anchorStart;
    default:
      return undefined;
  }
}

interface Found {
  /** The index of the node's event. */
  readonly node: number;
  readonly offset: number | undefined;
}

/** The fields of a mapping by name, or the items of a sequence by index; none of anything else. */
function childrenOf(text: string, events: readonly Event[], node: number): ReadonlyMap<string, Found> {
  const children = new Map<string, Found>();
  const isMapping = events[node]?.type === EVENT_ID.MAPPING;
  if (!isMapping && events[node]?.type !== EVENT_ID.SEQUENCE) return children;
  for (let at = node + 1, index = 0; events[at]?.type !== EVENT_ID.POP; index++) {
    const key = events[at];
    const value = isMapping ? endOf(events, at) : at;
    const name = isMapping ? (key?.type === EVENT_ID.SCALAR ? getScalarValue(text, key) : undefined) : String(index);
    if (name !== undefined && !children.has(name)) children.set(name, { node: value, offset: offsetOf(key) ?? offsetOf(events[value]) });
    at = endOf(events, value);
  }
  return children;
}

/** The places of a text's nodes. A collection is gone through once, however many of its children are asked for. */
class Positions {
  readonly #text: string;
  readonly #events: readonly Event[];
  readonly #children = new Map<number, ReadonlyMap<string, Found>>();

  constructor(text: string, events: readonly Event[]) {
    this.#text = text;
    this.#events = events;
  }

  /** A field of a mapping, or an item of a sequence; undefined where there is none. */
  childOf(node: number, step: string | number): Found | undefined {
    const known = this.#children.get(node) ?? childrenOf(this.#text, this.#events, node);
    this.#children.set(node, known);
    return known.get(String(step));
  }
}

/** The documents of a text. @throws YAMLException for the first thing that is no YAML */
function readDocuments(text: string, firstLine: number): readonly YamlDocument[] {
  const events = parseEvents(text, LIMITS);
  const values = constructFromEvents(events, { source: text, schema: KUBECTL_SCHEMA, ...LIMITS });
  const lines = new Lines(text, firstLine);
  const places = new Positions(text, events);
  let next = 0;
  return values.map((value) => {
    const root = next + 1;
    next = endOf(events, next);
    const lineOf = (path: YamlPath): number => {
      let found: Found = { node: root, offset: offsetOf(events[root]) };
      for (const step of path) {
        const child = places.childOf(found.node, step);
        if (child === undefined) break;
        found = { node: child.node, offset: child.offset ?? found.offset };
      }
      return lines.at(found.offset ?? 0);
    };
    return { value, size: next - root, lineOf };
  });
}

/** Cuts a text before each line that begins a document: whatever stands before, "---" at a line's beginning does (YAML 1.2.2, 9.1.2). */
function splitDocuments(text: string): readonly { readonly text: string; readonly line: number }[] {
  const isOnlyDirectives = (part: string): boolean => part.split("\n").every((row) => /^\s*(?:[#%]|$)/.test(row));
  let line = 1;
  const parts: { text: string; line: number }[] = [];
  for (const part of text.split(/^(?=---(?:\s|$))/m)) {
    const last = parts.at(-1);
    // Directives are of the document behind them.
    if (last !== undefined && isOnlyDirectives(last.text)) last.text += part;
    else parts.push({ text: part, line });
    line += part.split("\n").length - 1;
  }
  return parts;
}

const problemOf = (error: unknown, firstLine: number): YamlProblem =>
  error instanceof YAMLException
    ? { problem: error.reason, line: firstLine + (error.mark?.line ?? 0) }
    : { problem: (error as Error).message, line: firstLine };

/** Reads a text with any number of YAML documents. One that is no YAML hides none of the others. */
export function parseYaml(text: string): readonly (YamlDocument | YamlProblem)[] {
  try {
    return readDocuments(text, 1);
  } catch {
    return splitDocuments(text).flatMap((part): readonly (YamlDocument | YamlProblem)[] => {
      try {
        return readDocuments(part.text, part.line);
      } catch (error) {
        return [problemOf(error, part.line)];
      }
    });
  }
}
