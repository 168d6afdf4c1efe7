import { COLLECTION_STYLE, EVENT_ID, SCALAR_STYLE } from "js-yaml";
import type { Lines, Place } from "./lines.ts";
import type { Found, Positions, YamlPath } from "./yaml-positions.ts";

/** A piece of a text, by the offsets of its first character and of the one behind it. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Where a field of a mapping is written. */
export interface YamlField {
  readonly line: number;
  readonly place: Place;
  /** What the key says, without its quotes. */
  readonly key: Span;
  /** True for a key in double quotes: the text may be JSON. */
  readonly quoted: boolean;
  /** A mapping in braces begins at its brace, and any other collection has no end here; undefined for a value that is not written. */
  readonly value: ({ readonly kind: "scalar" | "alias" | "braces" | "other" } & Span) | undefined;
  /** Where a value could be written that is not: behind the colon, or behind the key where there is none. */
  readonly gap: { readonly at: number; readonly colon: boolean };
  /** True where more of the document may say the same by an anchor, an alias or a merge key. */
  readonly shared: boolean;
}

/** A text of which fields are looked for, and where an offset of it is in the whole. */
export interface Source {
  readonly text: string;
  readonly inWhole: (offset: number) => number;
  readonly lines: Lines;
  readonly places: Positions;
}

/** The key whose mapping, or whose mappings, are a part of the mapping that it is in. */
const MERGE = "<<";

/** The mappings that are merged into one, in their order. */
function mergedInto(places: Positions, node: number): readonly number[] {
  const merge = places.childOf(node, MERGE);
  if (merge === undefined) return [];
  const value = places.targetOf(merge.node);
  if (places.eventOf(value)?.type !== EVENT_ID.SEQUENCE) return [value];
  return [...places.childrenOf(value).values()].map((found) => places.targetOf(found.node));
}

/** A field of a mapping itself, or of one that is merged into it. */
function childThrough(
  places: Positions,
  node: number,
  step: string | number,
  seen = new Set<number>(),
): Found | undefined {
  const own = places.childOf(node, step);
  if (own !== undefined || places.eventOf(node)?.type !== EVENT_ID.MAPPING || seen.has(node)) return own;
  seen.add(node);
  for (const merged of mergedInto(places, node)) {
    const found = childThrough(places, merged, step, seen);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isAnchored(places: Positions, node: number): boolean {
  const event = places.eventOf(node);
  return event !== undefined && "anchorStart" in event && event.anchorStart >= 0;
}

/** Where a field is written; undefined where nothing is on its path. */
export function findField(source: Source, root: number, path: YamlPath): YamlField | undefined {
  const { places } = source;
  let found: Found = { node: root, key: root, offset: undefined };
  let shared = isAnchored(places, root);
  for (const step of path) {
    const node = places.targetOf(found.node);
    const next = childThrough(places, node, step);
    if (next === undefined) return undefined;
    shared ||= isAnchored(places, next.node) || next !== places.childOf(found.node, step);
    found = next;
  }
  return fieldOf(source, found, shared);
}

function fieldOf(source: Source, { key: index, node }: Found, shared: boolean): YamlField | undefined {
  const { text, lines, places } = source;
  const key = places.eventOf(index);
  if (key?.type !== EVENT_ID.SCALAR || key.valueStart < 0) return undefined;
  const isQuoted = key.style === SCALAR_STYLE.DOUBLE_QUOTED || key.style === SCALAR_STYLE.SINGLE_QUOTED;
  const moved = <T extends Span>(span: T): T => ({
    ...span,
    start: source.inWhole(span.start),
    end: source.inWhole(span.end),
  });
  const value = writtenValue(places, node);
  const { at, colon } = gapBehind(text, key.valueEnd + (isQuoted ? 1 : 0));
  return {
    line: lines.at(key.valueStart),
    get place() {
      return lines.placeOf(key.valueStart);
    },
    key: moved({ start: key.valueStart, end: key.valueEnd }),
    quoted: key.style === SCALAR_STYLE.DOUBLE_QUOTED,
    value: value === undefined ? undefined : moved(value),
    gap: { at: source.inWhole(Math.max(at, endOfProperties(places, node))), colon },
    shared,
  };
}

/** Where a value's anchor and its tag end; -1 where it has none. */
function endOfProperties(places: Positions, node: number): number {
  const event = places.eventOf(node);
  return event?.type === EVENT_ID.SCALAR ? Math.max(event.anchorEnd, event.tagEnd) : -1;
}

function writtenValue(places: Positions, node: number): YamlField["value"] {
  const event = places.eventOf(node);
  switch (event?.type) {
    case EVENT_ID.SCALAR:
      return event.valueStart < 0 ? undefined : { kind: "scalar", start: event.valueStart, end: event.valueEnd };
    case EVENT_ID.ALIAS:
      // The name stands behind an asterisk.
      return { kind: "alias", start: event.anchorStart - 1, end: event.anchorEnd };
    case EVENT_ID.MAPPING:
    case EVENT_ID.SEQUENCE: {
      const braces = event.type === EVENT_ID.MAPPING && event.style === COLLECTION_STYLE.FLOW;
      return { kind: braces ? "braces" : "other", start: event.start, end: event.start };
    }
    default:
      return undefined;
  }
}

/** What may stand between a key and its colon. */
const BETWEEN = /(?:\s|(?<=\s)#[^\n]*)*/y;

/** The place behind the colon that follows a key's end. */
function gapBehind(text: string, end: number): YamlField["gap"] {
  BETWEEN.lastIndex = end;
  BETWEEN.test(text);
  const at = Math.max(BETWEEN.lastIndex, end);
  return text[at] === ":" ? { at: at + 1, colon: true } : { at: end, colon: false };
}
