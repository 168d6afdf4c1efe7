import { EVENT_ID, type Event, getScalarValue } from "js-yaml";
import { FALSE, TRUE } from "./kubectl-schema.ts";

/** The steps to a field: names of mappings, indices of sequences. */
export type YamlPath = readonly (string | number)[];

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

/** What exists of a path: a node, and where it or the nearest thing that is written is. */
interface Nearest {
  readonly node: number;
  readonly offset: number | undefined;
  /** True where the whole path is there. */
  readonly isWhole: boolean;
}

/** The most parts of a name with dots in it. */
const MOST_DOTS = 16;

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

/** What stands behind a key in braces that has no colon. */
const ENTRY_END = /["']?\s*[,}]/y;

/** The keys in braces that have neither a colon nor a value, no more than `most`: the indices of their events. */
export function bareKeysOf(text: string, events: readonly Event[], most: number): readonly number[] {
  const keys: number[] = [];
  for (let at = 1; at < events.length && keys.length < most; at++) {
    const [key, value] = [events[at - 1], events[at]];
    if (value?.type !== EVENT_ID.SCALAR || value.valueStart >= 0 || value.tagStart >= 0 || value.anchorStart >= 0)
      continue;
    if (key?.type !== EVENT_ID.SCALAR || key.valueStart < 0) continue;
    ENTRY_END.lastIndex = key.valueEnd;
    if (ENTRY_END.test(text)) keys.push(at - 1);
  }
  return keys;
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
    const children = this.childrenOf(node);
    const written = children.get(String(step));
    if (written !== undefined || (step !== "true" && step !== "false")) return written;
    // A key that looks like another word is a boolean, and has that one's name.
    const words = step === "true" ? TRUE : FALSE;
    return words.map((word) => children.get(word)).find((child) => child !== undefined);
  }

  /** The nearest node that exists on a path, where it is, and whether it is the path's own. */
  nearestOf(root: number, path: YamlPath): Nearest {
    let nearest: Nearest = { node: root, offset: offsetOf(this.#events[root]), isWhole: path.length === 0 };
    for (let at = 0; at < path.length; ) {
      const next = this.#childAlong(nearest.node, path, at);
      if (next === undefined) return { ...nearest, isWhole: false };
      at += next.steps;
      const { node, offset = nearest.offset } = next.child;
      nearest = { node, offset, isWhole: at === path.length };
    }
    return nearest;
  }

  /** A child by the next step of a path; a name with dots in it is several steps. */
  #childAlong(node: number, path: YamlPath, at: number): { readonly child: Found; readonly steps: number } | undefined {
    let name = "";
    for (const [index, step] of path.slice(at, at + MOST_DOTS).entries()) {
      name = index === 0 ? String(step) : `${name}.${step}`;
      const child = this.childOf(node, name);
      if (child !== undefined) return { child, steps: index + 1 };
    }
    return undefined;
  }

  /** The text of a scalar; undefined where a path leads to none. */
  scalarAt(root: number, path: YamlPath): string | undefined {
    const { node, isWhole } = this.nearestOf(root, path);
    const event = this.#events[node];
    return isWhole && event?.type === EVENT_ID.SCALAR ? getScalarValue(this.#text, event) : undefined;
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

  /** The way from a node to a key, by the index of its event; undefined where it is not below the node. */
  pathTo(node: number, key: number): YamlPath | undefined {
    const isSequence = this.#events[node]?.type === EVENT_ID.SEQUENCE;
    for (const [name, child] of this.childrenOf(node)) {
      const below = child.key === key ? [] : this.pathTo(child.node, key);
      if (below !== undefined) return [isSequence ? Number(name) : name, ...below];
    }
    return undefined;
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
