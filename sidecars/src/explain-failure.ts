import { writeSync } from "node:fs";
import { authorsPart, BindingError, stackOfThrown, textOfThrown } from "@netbind/contract";
import type { ExplainFailure } from "@netbind/remote/sidecar";
import { mapPlaces } from "./source-places.ts";

const MOST_LINES = 30;
const MOST_LINE = 300;
const STANDARD_ERROR = 2;

/** A text as a log keeps it: printable, with as many lines as a person reads. */
function bounded(text: string): string {
  const lines = text.split("\n").map((line) => line.replace(/\p{Cc}/gu, " ").slice(0, MOST_LINE));
  return [
    ...lines.slice(0, MOST_LINES),
    ...(lines.length > MOST_LINES ? [`... and ${lines.length - MOST_LINES} more lines`] : []),
  ].join("\n");
}

/** The stack trace of what an author threw, with the author's own places; undefined where it has none. */
function mappedStack(thrown: unknown): string | undefined {
  const stack = BindingError.is(thrown) ? undefined : stackOfThrown(thrown);
  return stack === undefined ? undefined : authorsPart(mapPlaces(stack, import.meta.url));
}

/** An error whose stack trace names the author's places. */
function mapped(thrown: unknown): unknown {
  if (BindingError.is(thrown))
    return new BindingError(thrown.code, mapPlaces(thrown.message, import.meta.url), thrown.hint, { cause: thrown });
  const stack = mappedStack(thrown);
  if (stack === undefined) return thrown;
  const same = new Error(textOfThrown(thrown), { cause: thrown });
  same.stack = stack;
  return same;
}

/** What a hook threw: the whole of it goes to standard error, and one sentence to the caller. */
export const explainFailure: ExplainFailure = (thrown, where) => {
  const error = BindingError.from(mapped(thrown), "PLUGIN_FAILED", where);
  const stack = mappedStack(thrown);
  writeSync(STANDARD_ERROR, `${bounded(stack === undefined ? error.message : `${where}:\n${stack}`)}\n`);
  return error;
};

/** A failure outside every hook. */
export function reportFailure(thrown: unknown): void {
  const error = BindingError.from(mapped(thrown), "PLUGIN_FAILED");
  writeSync(STANDARD_ERROR, `${bounded([error.message, mappedStack(thrown) ?? ""].join("\n").trimEnd())}\n`);
}
