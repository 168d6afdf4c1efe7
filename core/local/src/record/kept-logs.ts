import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BindingError } from "@netbind/contract";
import { terminalLine } from "@netbind/engine/terminal";
import { derivedName, makeDirectory } from "@netbind/netns";
import type { LocalPodRecord } from "./local-pod-record.ts";
import { readEnd } from "./read-end.ts";
import { sidecarLog } from "../pod/sidecar-paths.ts";
import type { State } from "./state.ts";

/** Files that are kept: the oldest go first. */
const MOST_FILES = 100;
/** What an error quotes of it. */
const MOST_LINES = 15;
const MOST_LINE = 300;

/** What a sidecar says of itself while nothing is wrong. */
const isUsual = (line: string): boolean => line === "" || line.startsWith('{"level":30,');

/** The last lines that a plugin printed, printable and bounded. */
export function lastOutput(text: string): readonly string[] {
  const lines = text.split("\n").filter((line) => !isUsual(line));
  return lines.slice(-MOST_LINES).map((line) => terminalLine(line, MOST_LINE));
}

/** Keeps what a plugin printed before it failed. Gives the file; undefined where it printed nothing, or nothing can be kept. */
export function keepLog(directory: string, name: string, text: string): string | undefined {
  if (text === "") return undefined;
  try {
    makeDirectory(directory, 0o700);
    const file = join(directory, name);
    rmSync(file, { force: true });
    writeFileSync(file, text, { mode: 0o600, flag: "wx" });
    // Names begin with the time at which they were made.
    for (const old of readdirSync(directory).sort().slice(0, -MOST_FILES))
      rmSync(join(directory, old), { force: true });
    return file;
  } catch {
    // A log that cannot be kept must not hide why the start failed.
    return undefined;
  }
}

/** An error with the end of what the plugin printed, and where all of it is; what the error says itself is not said again. */
export function withOutput(error: BindingError, text: string, file: string | undefined, binding: string): BindingError {
  const said = terminalLine(error.message, error.message.length);
  const printed = lastOutput(text);
  const lines = printed.filter((line) => !said.includes(line.trim()));
  if (printed.length === 0 || (lines.length === 0 && file === undefined)) return error;
  const where = file === undefined ? "" : ` (the whole text is in ${file})`;
  const message = [
    error.message,
    `    output of binding "${binding}"${where}${lines.length === 0 ? "" : ":"}`,
    ...lines.map((line) => `      ${line}`),
  ].join("\n");
  return new BindingError(error.code, message, error.hint, { cause: error });
}

/** Names sort by the time at which they were made. */
export const logName = (of: string): string =>
  `${new Date().toISOString().replace(/\W/g, "")}-${derivedName("plugin", { text: of }, ".log")}`;

/**
 * What a start failed with, and what the VM's sidecars printed: it is kept, because all else of the VM is removed. Sidecars
 * that said nothing but what they usually say are left out.
 */
export function withSidecarOutput(
  state: State,
  { id, sidecars = {} }: Pick<LocalPodRecord, "id" | "sidecars">,
  error: unknown,
): unknown {
  if (!(error instanceof BindingError)) return error;
  const outputs = Object.entries(sidecars).map(([binding, { container }]) => ({
    binding,
    text: readEnd(sidecarLog(state.podDirectory(id), container)),
  }));
  return outputs
    .filter(({ text }) => lastOutput(text).length > 0)
    .reduce(
      (found, { binding, text }) =>
        withOutput(found, text, keepLog(state.logs, logName(`${id} ${binding}`), text), binding),
      error,
    );
}
