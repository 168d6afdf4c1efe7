import { terminalLine } from "@netbind/engine/terminal";

/** How a piece of a text stands out, for who can show it. */
export type Style = "error" | "warning" | "good" | "strong" | "dim";

/** A piece of a line. Its text is untrusted until {@link cleanLine} has been over it. */
export interface Span {
  readonly text: string;
  readonly style?: Style;
}

/** A line, in pieces. */
export type StyledLine = readonly Span[];

export const plain = (text: string): Span => ({ text });
export const styled = (style: Style, text: string): Span => ({ text, style });

/** A line whose pieces are printable and on that line, whatever they quote. */
export const cleanLine = (line: StyledLine): StyledLine =>
  line.map(({ text, ...style }) => ({ ...style, text: terminalLine(text) }));

/** What lines say, without their styles. */
export const unstyled = (lines: readonly StyledLine[]): string =>
  lines.map((line) => line.map(({ text }) => text).join("")).join("\n");

/** What follows the first of the lines that one is wrapped into begins with. */
const CONTINUED = "    ";
/** No terminal is narrower; below it nothing is wrapped. */
const NARROWEST = 20;

/** A word with the spaces behind it. */
const WORDS = /\S+\s*|\s+/g;

const piecesOf = (line: StyledLine): readonly Span[] =>
  line.flatMap(({ text, ...style }) => (text.match(WORDS) ?? []).map((word) => ({ ...style, text: word })));

/** A line with neighbors of one style in one piece, and without spaces at its end. */
function joined(line: StyledLine): StyledLine {
  const pieces: Span[] = [];
  for (const piece of line) {
    const last = pieces.at(-1);
    if (last === undefined || last.style !== piece.style) pieces.push(piece);
    else pieces[pieces.length - 1] = { ...last, text: last.text + piece.text };
  }
  const last = pieces.pop();
  return last === undefined ? [] : [...pieces, { ...last, text: last.text.trimEnd() }];
}

/** A line as several of at most `width` characters, cut between words; a word that is longer stays whole. */
export function wrapLine(line: StyledLine, width: number): readonly StyledLine[] {
  if (width < NARROWEST || unstyled([line]).length <= width) return [line];
  const lines: Span[][] = [[]];
  let length = 0;
  for (const piece of piecesOf(line)) {
    if (length > CONTINUED.length && length + piece.text.trimEnd().length > width) {
      lines.push([plain(CONTINUED)]);
      length = CONTINUED.length;
    }
    lines.at(-1)?.push(piece);
    length += piece.text.length;
  }
  return lines.map(joined);
}
