/** How a command's result is printed. */
export type OutputFormat = "text" | "json";

/** Prints a result on standard output, and nothing else ever does. */
export const print = (text: string): void => void process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
export const printJson = (value: unknown): void => print(JSON.stringify(value, null, 2));

/** Tells a person what happens, on standard error. */
export const tell = (line: string): void => void process.stderr.write(`netbind: ${line}\n`);

/** What text of a guest or a plugin must not do to a terminal. */
export const printable = (text: string): string => text.replace(/\p{Cc}/gu, " ");

/** A table with as much room for each column as it needs. */
export function table(rows: readonly (readonly string[])[]): string {
  const clean = rows.map((row) => row.map(printable));
  const widths = (clean[0] ?? []).map((_, column) => Math.max(...clean.map((row) => row[column]?.length ?? 0)));
  return clean
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
