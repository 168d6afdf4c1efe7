/*
 * The encoder for terminals, and for logs that end up on one. Whatever comes from outside (a document, a guest, a plugin, a
 * sidecar, a CNI plugin, a program's errors) is shown by it: printable, on as many lines as the caller allows, and bounded.
 */

/**
 * What moves a cursor, colors, hides, reorders or ends a line: control characters of both sets, formats such as those
 * of
 * bidirectional text, line and paragraph separators, halves of surrogate pairs, and what has no meaning that all agree
 * on.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu;
/** Marks that stand upon each other reach into the lines above and below. */
const PILES = /\p{M}{4,}/gu;

const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

const escaped = (character: string): string =>
  SHORT[character] ?? `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;

/** The most characters of a line of a message. */
const LONGEST_LINE = 2000;
/** The most lines of a message. */
const MOST_LINES = 100;

/** A text without its middle where it is too long. The end of an error often says more than its beginning. */
function bounded(text: string, most: number): string {
  if (text.length <= most) return text;
  const [head, tail] = [text.slice(0, Math.ceil(most / 2)), text.slice(text.length - Math.floor(most / 2))];
  return `${head} ... ${text.length - most} characters ... ${tail}`;
}

/** A text on one line: what is not printable is written as an escape. */
export const terminalLine = (text: string, most: number = LONGEST_LINE): string =>
  bounded(text, most)
    .replace(UNPRINTABLE, escaped)
    .replace(PILES, (marks) => Array.from(marks, escaped).join(""));

/**
 * A text of some lines. Those behind the first are indented, so that nothing in them looks like another message, and
 * of too many the middle is left out.
 */
export function terminalText(text: string, most: number = MOST_LINES): string {
  const lines = text.split(/\r?\n/);
  const half = Math.floor(most / 2);
  const left = lines.length - 2 * half;
  const shown =
    lines.length <= most ? lines : [...lines.slice(0, half), `... ${left} lines ...`, ...lines.slice(-half)];
  return shown.map((line, at) => (at === 0 || line.startsWith("    ") ? "" : "    ") + terminalLine(line)).join("\n");
}

/** JSON that says the same and is printable, whatever texts are in it. Where it was cut into lines, it is still. */
export const terminalJson = (json: string): string =>
  json.replace(UNPRINTABLE, (character) =>
    character === "\n"
      ? character
      : Array.from(
          { length: character.length },
          (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`,
        ).join(""),
  );

/** True for a text, of any number of lines, that is the same on a terminal. */
export const isPrintable = (text: string): boolean => text.replaceAll("\n", "").search(UNPRINTABLE) === -1;
