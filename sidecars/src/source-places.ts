import { readFileSync } from "node:fs";
import { SourceMap, type SourceMapPayload } from "node:module";
import { fileURLToPath } from "node:url";

const INLINE_MAP = "//# sourceMappingURL=data:application/json;base64,";
/** Longer texts are cut: an author's error may have any length. */
const MOST_TEXT = 64 * 1024;

/** The source map at the end of a bundle; undefined where it was bundled without. */
function readMap(url: string): SourceMap | undefined {
  try {
    const text = readFileSync(fileURLToPath(url), "utf8");
    const at = text.lastIndexOf(INLINE_MAP);
    if (at === -1) return undefined;
    return new SourceMap(
      JSON.parse(Buffer.from(text.slice(at + INLINE_MAP.length).trim(), "base64").toString("utf8")) as SourceMapPayload,
    );
  } catch {
    // Then the bundle's own places must do.
    return undefined;
  }
}

/**
 * A text in which places of a bundle (`file:///plugin.mjs:LINE:COLUMN`) are those of the sources that it was made of. The
 * bundle is read when that is asked for: most sidecars never fail.
 */
export function mapPlaces(text: string, bundle: string): string {
  const short = text.slice(0, MOST_TEXT);
  if (!short.includes(bundle)) return short;
  const map = readMap(bundle);
  if (map === undefined) return short;
  return short
    .split(bundle)
    .map((part, at) => {
      const place = at === 0 ? null : /^:(\d{1,9}):(\d{1,9})/.exec(part);
      if (place === null) return at === 0 ? part : `${bundle}${part}`;
      // Both count from 1 where people read them.
      const entry = map.findEntry(Number(place[1]) - 1, Number(place[2]) - 1);
      if (!("originalSource" in entry)) return `${bundle}${part}`;
      return `${entry.originalSource}:${entry.originalLine + 1}:${entry.originalColumn + 1}${part.slice(place[0].length)}`;
    })
    .join("");
}
