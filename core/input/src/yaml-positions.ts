import { EVENT_ID, type Event, getScalarValue } from "js-yaml";

/** The steps to a field: names of mappings, indices of sequences. */
export type YamlPath = readonly (string | number)[];

/** A piece of the line that something is on, around the place that is meant. */
export interface Excerpt {
  readonly text: string;
  /** The index in `text` of the character that is meant. */
  readonly caret: number;
}

/** A place in a text, as a reader finds it: both numbers begin at 1, and columns count UTF-16 code units. */
export interface Place {
  readonly line: number;
  readonly column: number;
  readonly excerpt: Excerpt;
}

/** Characters of a line before and behind a place: a document may be a single line. */
const EXCERPT_LENGTH = 200;

/** Where the lines of a text begin. */
export class Lines {
  readonly #text: string;
  readonly #first: number;
  /** Found when a line is first needed. */
  #starts: readonly number[] = [];

  constructor(text: string, first: number) {
    this.#text = text;
    this.#first = first;
  }

  /** The line of an offset. */
  at(offset: number): number {
    return this.#first + this.#indexOf(offset);
  }

  /** The line and the column of an offset, with what stands there. */
  placeOf(offset: number): Place {
    const index = this.#indexOf(offset);
    const start = this.#starts[index] ?? 0;
    const end = (this.#starts[index + 1] ?? this.#text.length + 1) - 1;
    const from = Math.max(start, offset - EXCERPT_LENGTH);
    const text = this.#text.slice(from, Math.min(end, offset + EXCERPT_LENGTH)).trimEnd();
    return { line: this.#first + index, column: offset - start + 1, excerpt: { text, caret: offset - from } };
  }

  #indexOf(offset: number): number {
    if (this.#starts.length === 0)
      this.#starts = [0, ...Array.from(this.#text.matchAll(/\n/g), ({ index }) => index + 1)];
    let [low, high] = [0, this.#starts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

const opens = (event: Event | undefined): boolean =>
  event?.type === EVENT_ID.DOCUMENT || event?.type === EVENT_ID.MAPPING || event?.type === EVENT_ID.SEQUENCE;

/** The index behind the node that begins at an index. */
export function endOf(events: readonly Event[], start: number): number {
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
export function offsetOf(event: Event | undefined): number | undefined {
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

/** A field of a mapping, or an item of a sequence. */
export interface Found {
  /** The index of the node's event. */
  readonly node: number;
  /** The index of its key's event; an item's own. */
  readonly key: number;
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
    // Of a key that is written twice the last one counts.
    if (name !== undefined)
      children.set(name, { node: value, key: at, offset: offsetOf(key) ?? offsetOf(events[value]) });
    at = endOf(events, value);
  }
  return children;
}

/** The key that merges another mapping, and may be there several times. */
const MERGE_KEY = "<<";

/** A key that a mapping has before: the way to it, and the offsets of both. */
interface RepeatedKey {
  readonly path: YamlPath;
  readonly at: number;
  readonly before: number;
}

/** A collection that is gone through: keys that were seen of a mapping, whether a key is next, and the step that is gone last. */
interface OpenCollection {
  readonly seen: Map<string, number> | undefined;
  isKey: boolean;
  step: string | number;
}

/** The keys that mappings between two events have more than once, in the order of their ends; no more than `most`. */
function repeatedKeysIn(text: string, events: readonly Event[], [from, end]: readonly [number, number], most: number) {
  const open: OpenCollection[] = [];
  const repeated: RepeatedKey[] = [];
  for (let at = from; at < end && repeated.length < most; at++) {
    const event = events[at];
    if (event?.type === EVENT_ID.POP) {
      open.pop();
      continue;
    }
    const parent = open.at(-1);
    if (parent?.isKey === true && event?.type === EVENT_ID.SCALAR) {
      const [key, offset] = [getScalarValue(text, event), offsetOf(event) ?? 0];
      const before = parent.seen?.get(key);
      parent.step = key;
      if (before !== undefined && key !== MERGE_KEY)
        repeated.push({ path: open.map(({ step }) => step), at: offset, before });
      parent.seen?.set(key, offset);
    }
    if (parent?.seen !== undefined) parent.isKey = !parent.isKey;
    else if (typeof parent?.step === "number") parent.step++;
    const isMapping = event?.type === EVENT_ID.MAPPING;
    if (opens(event))
      open.push({ seen: isMapping ? new Map() : undefined, isKey: isMapping, step: isMapping ? "" : -1 });
  }
  return repeated;
}

/** What the aliases of a text stand for: an anchor's name is of the node that had it last, and of its document. */
function aliasTargets(text: string, events: readonly Event[]): ReadonlyMap<number, number> {
  const targets = new Map<number, number>();
  const anchored = new Map<string, number>();
  for (const [index, event] of events.entries()) {
    if (event.type === EVENT_ID.DOCUMENT) anchored.clear();
    if (!("anchorStart" in event) || event.anchorStart < 0) continue;
    const name = text.slice(event.anchorStart, event.anchorEnd);
    if (event.type !== EVENT_ID.ALIAS) anchored.set(name, index);
    else targets.set(index, anchored.get(name) ?? index);
  }
  return targets;
}

/** The places of a text's nodes. A collection is gone through once, however many of its children are asked for. */
export class Positions {
  readonly #text: string;
  readonly #events: readonly Event[];
  readonly #children = new Map<number, ReadonlyMap<string, Found>>();
  #targets: ReadonlyMap<number, number> | undefined;

  constructor(text: string, events: readonly Event[]) {
    this.#text = text;
    this.#events = events;
  }

  /** A field of a mapping, or an item of a sequence; undefined where there is none. */
  childOf(node: number, step: string | number): Found | undefined {
    return this.childrenOf(node).get(String(step));
  }

  /** The fields of a mapping by name, or the items of a sequence by index, in their order; none of anything else. */
  childrenOf(node: number): ReadonlyMap<string, Found> {
    const known = this.#children.get(node) ?? childrenOf(this.#text, this.#events, node);
    this.#children.set(node, known);
    return known;
  }

  /** The keys that mappings from one event to another have more than once, no more than so many. */
  repeatedKeysIn(from: number, end: number, most: number): readonly RepeatedKey[] {
    return repeatedKeysIn(this.#text, this.#events, [from, end], most);
  }

  /** The event of a node. */
  eventOf(node: number): Event | undefined {
    return this.#events[node];
  }

  /** The node that an alias stands for; any other is itself. */
  targetOf(node: number): number {
    this.#targets ??= aliasTargets(this.#text, this.#events);
    return this.#targets.get(node) ?? node;
  }
}
