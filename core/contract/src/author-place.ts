/** Longer lines of a stack trace are no frames. */
const MOST_LINE = 1000;
/** What is between an author's code and the one who calls it: the runtime, and the packages that a plugin is bundled with. */
const NOT_THE_AUTHORS = /^node:|[/\\]node_modules[/\\]|(^|[/\\])(core[/\\](contract|engine|remote)|sidecars)[/\\]src[/\\]/;

/** Where an author's code was: `FILE:LINE:COLUMN` of the first frame of a stack trace that is not of the core's own. */
export function placeOf(stack: string): string | undefined {
  for (const line of stack.split("\n")) {
    if (!line.trimStart().startsWith("at ") || line.length > MOST_LINE) continue;
    const place = line.split(/[\s()]/).findLast((word) => word !== "") ?? "";
    if (/:\d+:\d+$/.test(place) && !NOT_THE_AUTHORS.test(place)) return place;
  }
  return undefined;
}

/** Where the caller of the function that calls this was called. */
export function placeOfCaller(): string | undefined {
  const [, , , ...callers] = (new Error("where").stack ?? "").split("\n");
  return placeOf(callers.join("\n"));
}
