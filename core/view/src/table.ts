import { terminalLine } from "@netbind/engine";

/** A cell of a table is wide enough for what people write, and too narrow for what is written to hide the rest. */
const WIDEST_CELL = 1000;

/** A table with as much room for each column as it needs; the first row is its header. Each cell is printable, whatever is in it. */
export function table(rows: readonly (readonly string[])[]): string {
  const clean = rows.map((row) => row.map((cell) => terminalLine(cell, WIDEST_CELL)));
  const widths = (clean[0] ?? []).map((_, column) =>
    clean.reduce((most, row) => Math.max(most, row[column]?.length ?? 0), 0),
  );
  return clean
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** So many of something: `1 warning`, `2 warnings`. */
export const count = (list: readonly unknown[], word: string): string =>
  `${list.length} ${word}${list.length === 1 ? "" : "s"}`;
