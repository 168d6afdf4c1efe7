import { writeSync } from "node:fs";
import { authorsPart, BindingError } from "@netbind/contract";
import type { ExplainFailure } from "@netbind/remote";
import { mapPlaces } from "./source-places.ts";

const MOST_LINES = 30;
const MOST_LINE = 300;
const STANDARD_ERROR = 2;

/** A text as a log keeps it: printable, with as many lines as a person reads. */
function bounded(text: string): string {
  const lines = text.split("\n").map((line) => line.replace(/\p{Cc}/gu, " ").slice(0, MOST_LINE));
  return [...lines.slice(0, MOST_LINES), ...(lines.length > MOST_LINES ? [`... and ${lines.length - MOST_LINES} lines more`] : [])].join(
    "\n",
  );
}

/** The stack trace of what an author threw, with the author's own places; undefined where it has none. */
function mappedStack(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || thrown instanceof BindingError) return undefined;
  const stack: unknown = thrown.stack;
  return typeof stack === "string" ? authorsPart(mapPlaces(stack, import.meta.url)) : undefined;
}

/** An error whose stack trace names the author's places. */
function mapped(thrown: unknown): unknown {
  if (thrown instanceof BindingError)
    return new BindingError(thrown.code, mapPlaces(thrown.message, import.meta.url), thrown.hint, { cause: thrown });
  const stack = mappedStack(thrown);
  if (stack === undefined || !(thrown instanceof Error)) return thrown;
  const same = new Error(thrown.message, { cause: thrown });
  same.stack = stack;
  return same;
}

/** What a hook threw: the whole of it goes to standard error, and one sentence to whoever asked. */
export const explainFailure: ExplainFailure = (thrown, where) => {
  const error = BindingError.from(mapped(thrown), "PLUGIN_FAILED", where);
  writeSync(STANDARD_ERROR, `${bounded(`${where}:\n${mappedStack(thrown) ?? error.message}`)}\n`);
  return error;
};

/** A failure outside every hook. */
export function reportFailure(thrown: unknown): void {
  const error = BindingError.from(mapped(thrown), "PLUGIN_FAILED");
  writeSync(STANDARD_ERROR, `${bounded([error.message, mappedStack(thrown) ?? ""].join("\n").trimEnd())}\n`);
}
