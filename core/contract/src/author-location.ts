/** Longer lines of a stack trace do not count as frames. */
const MOST_LINE = 1000;
/** What is between an author's code and the one who calls it: the runtime, and the packages that a plugin is bundled with. */
const NOT_THE_AUTHORS =
  /^node:|[/\\]node_modules[/\\]|(^|[/\\])(core[/\\](contract|engine|remote)|sidecars)[/\\]src[/\\]/;

/** The location in a frame, which is `NAME (LOCATION)` or `LOCATION` alone. A path may have spaces and parentheses. */
function locationIn(frame: string): string {
  const start = frame.endsWith(")") ? frame.indexOf(" (") : -1;
  if (start === -1) return frame.startsWith("async ") ? frame.slice("async ".length) : frame;
  const location = frame.slice(start + " (".length, -1);
  // Code that was made of a text: its own location comes last.
  return location.startsWith("eval at ") ? location.slice(location.lastIndexOf(" ") + 1) : location;
}

/** The location that a stack trace's line names; undefined for a line that is not a frame. */
function frameOf(line: string): string | undefined {
  const text = line.trim();
  if (!text.startsWith("at ") || line.length > MOST_LINE) return undefined;
  const location = locationIn(text.slice("at ".length));
  return /:\d+:\d+$/.test(location) ? location : undefined;
}

const isAuthors = (line: string): boolean => {
  const frame = frameOf(line);
  return frame !== undefined && !NOT_THE_AUTHORS.test(frame);
};

/** A stack trace without what called the author's code. */
export function authorsPart(stack: string): string {
  const lines = stack.split("\n");
  const last = lines.findLastIndex(isAuthors);
  return lines.filter((line, at) => at <= last || frameOf(line) === undefined).join("\n");
}

/** Where an author's code was: `FILE:LINE:COLUMN` of the first frame of a stack trace that is not of the core's own. */
export function locationOf(stack: string): string | undefined {
  const line = stack.split("\n").find(isAuthors);
  return line === undefined ? undefined : frameOf(line);
}

/** Where the caller of the function that calls this was called. */
export function locationOfCaller(): string | undefined {
  const [, , , ...callers] = (new Error("where").stack ?? "").split("\n");
  return locationOf(callers.join("\n"));
}
