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

/** The offsets at which the lines of a text begin. */
function startsOf(text: string): readonly number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

/** How many lines a text ends. */
export const countLineBreaks = (text: string): number => startsOf(text).length - 1;

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
    if (this.#starts.length === 0) this.#starts = startsOf(this.#text);
    let [low, high] = [0, this.#starts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
