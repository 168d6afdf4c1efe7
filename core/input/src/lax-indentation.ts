/*
 * libyaml and go-yaml, which kubectl reads with, look at no indentation within quotes, brackets and braces; YAML 1.2.2
 * (6.1, 7.3, 7.4) demands more than the surrounding block's. Here such lines are indented as YAML demands.
 */

/** A text with its lines in quotes, brackets and braces indented, and the way back: its lines are the same ones. */
export interface IndentedText {
  readonly text: string;
  /** The offset in the text as it was. */
  readonly original: (offset: number) => number;
}

/** Spaces that a line lacks, by the offset where they belong. */
interface Lack {
  readonly at: number;
  readonly spaces: number;
}

/** What ends a plain scalar: outside of brackets and braces, and in them. */
const PLAIN_END = { block: /:(?=\s|$)|\s#|\n/g, flow: /:(?=[\s,[\]{}]|$)|\s#|[,[\]{}]|\n/g } as const;
/** A tag or an anchor. */
const PROPERTY = /[&!*][^\s,[\]{}]*/y;
const isSpace = (character: string | undefined): boolean =>
  character === undefined || character === " " || character === "\t" || character === "\n" || character === "\r";

/** Goes through a text once, and remembers where lines lack indentation. */
class Scanner {
  readonly lacks: Lack[] = [];
  readonly #text: string;
  #at = 0;
  #lineStart = 0;
  /** The column of the block that the present node is in; -1 for a document's own. */
  #parent = -1;
  #flow = 0;

  constructor(text: string) {
    this.#text = text;
  }

  scan(): readonly Lack[] {
    while (this.#at < this.#text.length) this.#token();
    return this.lacks;
  }

  /** Begins a line; within quotes, brackets and braces it is to be indented deeper than the block. */
  #newLine(at: number): void {
    this.#lineStart = at;
    this.#at = at;
  }

  #demandIndent(): void {
    let end = this.#lineStart;
    while (this.#text[end] === " ") end++;
    if (this.#text[end] === "\n" || this.#text[end] === "\r") return;
    const spaces = this.#parent + 1 - (end - this.#lineStart);
    if (spaces > 0) this.lacks.push({ at: this.#lineStart, spaces });
  }

  #token(): void {
    const character = this.#text[this.#at];
    const followed = isSpace(this.#text[this.#at + 1]);
    if (character === "\n") {
      this.#newLine(this.#at + 1);
      if (this.#flow > 0) this.#demandIndent();
    } else if (this.#isMarker()) this.#marker();
    else if (isSpace(character)) this.#at++;
    else if (character === "#") this.#skipLine();
    else if (character === '"' || character === "'") this.#quoted(character);
    else if (this.#flow === 0 && (character === "|" || character === ">")) this.#blockScalar();
    else if ((character === "-" || character === "?") && followed && this.#flow === 0) {
      this.#parent = this.#at - this.#lineStart;
      this.#at++;
    } else if (character === ":" && followed) this.#at++;
    else if (character === "[" || character === "{") this.#open();
    else if (this.#flow > 0 && (character === "]" || character === "}" || character === ","))
      this.#closeOrNext(character);
    else if (character === "&" || character === "!" || character === "*") this.#property();
    else this.#plain();
  }

  #isMarker(): boolean {
    return (
      this.#at === this.#lineStart &&
      this.#flow === 0 &&
      /^(?:---|\.\.\.)(?:\s|$)/.test(this.#text.slice(this.#at, this.#at + 4))
    );
  }

  #marker(): void {
    this.#at += 3;
    this.#parent = -1;
  }

  #open(): void {
    this.#flow++;
    this.#at++;
  }

  #closeOrNext(character: string): void {
    if (character !== ",") this.#flow--;
    this.#at++;
  }

  #property(): void {
    PROPERTY.lastIndex = this.#at;
    this.#at += Math.max(PROPERTY.exec(this.#text)?.[0].length ?? 1, 1);
  }

  #skipLine(): void {
    const end = this.#text.indexOf("\n", this.#at);
    this.#at = end < 0 ? this.#text.length : end;
  }

  /** What is behind a key is in the key's block. */
  #asKey(start: number): void {
    const rest = /[ \t]*:(?=\s|$)/y;
    rest.lastIndex = this.#at;
    if (this.#flow === 0 && rest.test(this.#text)) this.#parent = start - this.#lineStart;
  }

  #quoted(quote: string): void {
    const start = this.#at++;
    const line = this.#lineStart;
    for (; this.#at < this.#text.length; this.#at++) {
      const character = this.#text[this.#at];
      if (character === "\n") {
        this.#lineStart = this.#at + 1;
        this.#demandIndent();
      } else if (character === "\\" && quote === '"' && this.#text[this.#at + 1] !== "\n") this.#at++;
      else if (character === quote && (quote === '"' || this.#text[this.#at + 1] !== quote)) break;
      else if (character === quote) this.#at++;
    }
    this.#at++;
    if (line === this.#lineStart) this.#asKey(start);
  }

  #plain(): void {
    const start = this.#at;
    const end = this.#flow > 0 ? PLAIN_END.flow : PLAIN_END.block;
    end.lastIndex = start + 1;
    this.#at = end.exec(this.#text)?.index ?? this.#text.length;
    this.#asKey(start);
  }

  /** A block scalar ends before the first line that is indented no deeper than its block. */
  #blockScalar(): void {
    this.#skipLine();
    while (this.#at < this.#text.length) {
      const start = this.#at + 1;
      let end = start;
      while (this.#text[end] === " ") end++;
      const isBlank = end >= this.#text.length || this.#text[end] === "\n" || this.#text[end] === "\r";
      if (!isBlank && end - start <= this.#parent) return;
      const next = this.#text.indexOf("\n", end);
      this.#at = next < 0 ? this.#text.length : next;
    }
  }
}

/** Indents what lacks it. Undefined where nothing does, or where the text would more than double. */
export function indentLaxLines(text: string): IndentedText | undefined {
  const lacks = new Scanner(text).scan();
  if (lacks.length === 0 || lacks.reduce((sum, { spaces }) => sum + spaces, 0) > text.length) return undefined;
  const pieces: string[] = [];
  const starts: { readonly shifted: number; readonly added: number }[] = [{ shifted: 0, added: 0 }];
  let [from, added] = [0, 0];
  for (const { at, spaces } of lacks) {
    pieces.push(text.slice(from, at), " ".repeat(spaces));
    [from, added] = [at, added + spaces];
    starts.push({ shifted: at + added, added });
  }
  const original = (offset: number): number => {
    let [low, high] = [0, starts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle]?.shifted ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return offset - (starts[low]?.added ?? 0);
  };
  return { text: pieces.join("") + text.slice(from), original };
}
