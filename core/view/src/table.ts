import { terminalLine } from "@netbind/engine/terminal";

/** A cell of a table is wide enough for what people write, and too narrow for what is written to hide the rest. */
const WIDEST_CELL = 1000;
/** What is between two columns. */
const GAP = "  ";
/** Where less is left for a column of sentences, it has lines of its own. */
const NARROWEST = 20;

/** A text, or several that may stand below each other: addresses, ports. */
export type Cell = string | readonly string[];
/** The lines of a cell. */
type Lines = readonly string[];
type Rows = readonly (readonly Lines[])[];

const widthsOf = (rows: Rows): readonly number[] =>
  rows.reduce<readonly number[]>(
    (widest, row) =>
      row.map((lines, column) => Math.max(widest[column] ?? 0, ...lines.map((line) => Array.from(line).length))),
    [],
  );

const totalOf = (widths: readonly number[]): number =>
  widths.reduce((sum, one) => sum + one, 0) + GAP.length * Math.max(widths.length - 1, 0);

const pad = (text: string, width: number): string => text + " ".repeat(Math.max(width - Array.from(text).length, 0));

/** Rows with as much room for each column as it needs. */
function grid(rows: Rows): string {
  const widths = widthsOf(rows);
  const lineOf = (row: readonly Lines[], at: number): string =>
    row
      .map((lines, column) => pad(lines[at] ?? "", widths[column] ?? 0))
      .join(GAP)
      .trimEnd();
  return rows
    .flatMap((row) => {
      const height = Math.max(1, ...row.map((lines) => lines.length));
      return Array.from({ length: height }, (_, at) => lineOf(row, at));
    })
    .join("\n");
}

/** Each row below the other, a line for each column: for who has no room beside. The first row has the names of the columns. */
function records([header = [], ...rows]: Rows): string {
  const name = Math.max(0, ...header.flat().map((text) => text.length));
  const shown = rows.map((row) =>
    row
      .flatMap((lines, column) =>
        lines.map((line, at) => `${pad(at === 0 ? (header[column]?.[0] ?? "") : "", name)}${GAP}${line}`.trimEnd()),
      )
      .join("\n"),
  );
  return shown.join("\n\n");
}

/** Printable, whatever is in it. */
const cleanRows = (rows: readonly (readonly Cell[])[]): Rows =>
  rows.map((row) =>
    row.map((cell) => (typeof cell === "string" ? [cell] : cell).map((text) => terminalLine(text, WIDEST_CELL))),
  );

/**
 * A table; the first row is its header. Where it is wider than `width`, what a cell has several of stands one below the other,
 * and where that is not enough each row is a block with a line for each column. No word is cut.
 */
export function table(rows: readonly (readonly Cell[])[], width: number = Number.POSITIVE_INFINITY): string {
  const clean = cleanRows(rows);
  const joined = clean.map((row) => row.map((lines) => [lines.join(",")]));
  const fitting = [joined, clean].find((form) => totalOf(widthsOf(form)) <= width);
  return fitting === undefined && rows.length > 1 ? records(clean) : grid(fitting ?? joined);
}

/** A sentence in lines of at most `width` characters, cut between words; a word that is longer stays whole. */
function wrap(text: string, width: number): Lines {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

/** Names, each with a sentence beside it, or below it where the names leave no room. */
export function definitions(
  rows: readonly (readonly [name: string, means: string])[],
  width: number = Number.POSITIVE_INFINITY,
): string {
  const clean = cleanRows(rows).map(([[name = ""] = [], [means = ""] = []]) => [name, means] as const);
  const names = Math.max(0, ...clean.map(([name]) => name.length));
  const left = width - names - GAP.length;
  if (left >= NARROWEST) return grid(clean.map(([name, means]) => [[name], wrap(means, left)]));
  return clean
    .map(([name, means]) => [name, ...wrap(means, width - GAP.length).map((line) => GAP + line)].join("\n"))
    .join("\n");
}

/** So many of something: `1 warning`, `2 warnings`. */
export const count = (list: readonly unknown[], word: string): string =>
  `${list.length} ${word}${list.length === 1 ? "" : "s"}`;
