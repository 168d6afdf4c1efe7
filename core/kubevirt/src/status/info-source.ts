/** Who reported an entry of `status.interfaces`. */
export type InfoSource = "domain" | "guest-agent" | "multus-status";

const MARK = ", ";
const split = (sources: string | undefined): readonly string[] => (sources ? sources.split(MARK) : []);

/** True where a source is among those that reported an entry. */
export const hasInfoSource = (sources: string | undefined, source: InfoSource): boolean =>
  split(sources).includes(source);

/** The sources with one more. */
export const addInfoSource = (sources: string | undefined, source: InfoSource): string =>
  hasInfoSource(sources, source) ? (sources ?? "") : [...split(sources), source].join(MARK);

/** The sources without one. */
export const removeInfoSource = (sources: string | undefined, source: InfoSource): string =>
  split(sources)
    .filter((other) => other !== source)
    .join(MARK);
