/** The file that figures are kept in: a section for each bench, of the run that it was kept from. */

const HEAD = `# Figures

Medians of one run, or lower quartiles where a row says so, each pair measured alternately: the ratios are what counts.
\`npm run bench -- --keep [NAME...]\` writes the sections of the benches that it runs.
`;

/** How a section begins, on a line of its own. */
const HEADING = "## ";

/** The figures of one bench. */
export interface KeptFigures {
  readonly bench: string;
  /** When and where they were measured, as a sentence. */
  readonly measured: string;
  /** The table, line by line. */
  readonly lines: readonly string[];
}

const sectionOf = ({ bench, measured, lines }: KeptFigures): string =>
  `${HEADING}${bench}\n\n${measured}\n\n${lines.join("\n")}\n`;

/** The sections that a text has, by their benches. */
const readSections = (text: string): ReadonlyMap<string, string> =>
  new Map(
    text
      .split(new RegExp(`^(?=${HEADING})`, "m"))
      .filter((part) => part.startsWith(HEADING))
      .map((part) => [part.slice(HEADING.length, part.indexOf("\n")), `${part.trimEnd()}\n`]),
  );

/** A text with new figures in the place of a bench's older ones. `order`: the benches, as their sections follow one another. */
export function keepFigures(text: string, figures: KeptFigures, order: readonly string[]): string {
  const sections = new Map(readSections(text)).set(figures.bench, sectionOf(figures));
  return [HEAD, ...order.flatMap((bench) => sections.get(bench) ?? [])].join("\n");
}
