import { parseEvents } from "js-yaml";
import type { IndentedText } from "./lax-indentation.ts";
import { Lines, type Place } from "./lines.ts";
import type { Source } from "./yaml-fields.ts";
import { offsetOf, Positions, type YamlPath } from "./yaml-positions.ts";

/** A part of a text. */
export interface Part {
  readonly text: string;
  /** The number of its first line, and the offset of its first character, in the whole. */
  readonly line: number;
  readonly offset: number;
}

/** A key of a mapping: the way to it, and where it is written. */
export interface WrittenKey {
  readonly path: YamlPath;
  readonly place: Place;
}

/** A key that a mapping has more than once: where it is written last, and the line where it is before. */
export interface DuplicateKey extends WrittenKey {
  readonly before: number;
}

/** How deep collections may be, and how many aliases a document may have. */
export const LIMITS = { maxDepth: 200, maxAliases: 100 } as const;

/**
 * Where things stand in a part of a text. Its events are read again when a place is first asked for: of thousands of
 * documents few have something wrong, and to keep the events of all takes longer than to read those of the few twice.
 */
export class WrittenText implements Source {
  /** What the parser reads: the part, or the same with lines indented. */
  readonly text: string;
  readonly lines: Lines;
  readonly #original: IndentedText["original"];
  readonly #written: Lines;
  readonly #offset: number;
  #places: Positions | undefined;

  constructor({ text, line, offset }: Part, indented?: IndentedText) {
    this.text = indented?.text ?? text;
    this.lines = new Lines(this.text, line);
    this.#original = indented?.original ?? ((at: number): number => at);
    this.#written = indented === undefined ? this.lines : new Lines(text, line);
    this.#offset = offset;
  }

  get places(): Positions {
    this.#places ??= new Positions(this.text, parseEvents(this.text, LIMITS));
    return this.#places;
  }

  /** An offset in the whole text. */
  inWhole(at: number): number {
    return this.#original(at) + this.#offset;
  }

  /** The place of the nearest thing that exists on a path. */
  placeOf(root: number, path: YamlPath): Place {
    return this.#written.placeOf(this.#original(this.places.nearestOf(root, path).offset ?? 0));
  }

  /** A key below a root, by the index of its event. */
  keyAt(root: number, key: number): WrittenKey {
    const offset = offsetOf(this.places.eventOf(key)) ?? 0;
    return { path: this.places.pathTo(root, key) ?? [], place: this.#written.placeOf(this.#original(offset)) };
  }

  /** The keys that mappings between two events have more than once, no more than so many. */
  duplicatesIn(root: number, end: number, most: number): readonly DuplicateKey[] {
    return this.places.repeatedKeysIn(root, end, most).map(({ path, at, before }) => ({
      path,
      place: this.#written.placeOf(this.#original(at)),
      before: this.#written.at(this.#original(before)),
    }));
  }
}
