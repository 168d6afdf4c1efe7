import { constructFromEvents, parseEvents, YAMLException } from "js-yaml";
import { KUBECTL_SCHEMA } from "./kubectl-schema.ts";
import { findField, type YamlField } from "./yaml-fields.ts";
import { endOf, Lines, offsetOf, type Place, Positions, type YamlPath } from "./yaml-positions.ts";

/** One YAML document: what it says, and where. */
export interface YamlDocument {
  readonly value: unknown;
  /** How many values are written in it: what its aliases repeat is not counted again. */
  readonly size: number;
  /** The line of the nearest thing that exists on a path; of a mapping's field, where its key is. */
  readonly lineOf: (path: YamlPath) => number;
  /** The same with its column. */
  readonly placeOf: (path: YamlPath) => Place;
  /** Where a field of a mapping is written, through aliases and merge keys; undefined where there is none. */
  readonly fieldAt: (path: YamlPath) => YamlField | undefined;
}

/** A text that is not valid YAML. */
export interface YamlProblem {
  readonly problem: string;
  readonly place: Place;
}

/** How deep collections may be, and how many aliases a document may have. */
const LIMITS = { maxDepth: 200, maxAliases: 100 } as const;

/** A part of a text. */
interface Part {
  readonly text: string;
  /** The number of its first line, and the offset of its first character, in the whole. */
  readonly line: number;
  readonly offset: number;
}

/** The documents of a text. @throws YAMLException for the first text that is not valid YAML */
function readDocuments({ text, line, offset }: Part): readonly YamlDocument[] {
  const events = parseEvents(text, LIMITS);
  const values = constructFromEvents(events, { source: text, schema: KUBECTL_SCHEMA, ...LIMITS });
  const lines = new Lines(text, line);
  const places = new Positions(text, events);
  let next = 0;
  return values.map((value) => {
    const root = next + 1;
    next = endOf(events, next);
    const find = (path: YamlPath): number => {
      let [node, found] = [root, offsetOf(events[root])];
      for (const step of path) {
        const child = places.childOf(node, step);
        if (child === undefined) break;
        [node, found] = [child.node, child.offset ?? found];
      }
      return found ?? 0;
    };
    const lineOf = (path: YamlPath): number => lines.at(find(path));
    const placeOf = (path: YamlPath): Place => lines.placeOf(find(path));
    const fieldAt = (path: YamlPath): YamlField | undefined => findField({ text, offset, lines, places }, root, path);
    return { value, size: next - root, lineOf, placeOf, fieldAt };
  });
}

/** Cuts a text before each line that begins a document: whatever stands before, "---" at a line's beginning does (YAML 1.2.2, 9.1.2). */
function splitDocuments(text: string): readonly Part[] {
  const isOnlyDirectives = (part: string): boolean => part.split("\n").every((row) => /^\s*(?:[#%]|$)/.test(row));
  let [line, offset] = [1, 0];
  const parts: { text: string; line: number; offset: number }[] = [];
  for (const part of text.split(/^(?=---(?:\s|$))/m)) {
    const last = parts.at(-1);
    // Directives are of the document behind them.
    if (last !== undefined && isOnlyDirectives(last.text)) last.text += part;
    else parts.push({ text: part, line, offset });
    line += part.split("\n").length - 1;
    offset += part.length;
  }
  return parts;
}

function problemOf(error: unknown, { text, line }: Part): YamlProblem {
  const lines = new Lines(text, line);
  if (!(error instanceof YAMLException)) return { problem: (error as Error).message, place: lines.placeOf(0) };
  return { problem: error.reason, place: lines.placeOf(Math.min(error.mark?.position ?? 0, text.length)) };
}

/** Reads a text with any number of YAML documents. One that is not valid YAML does not hide the others. */
export function parseYaml(text: string): readonly (YamlDocument | YamlProblem)[] {
  try {
    return readDocuments({ text, line: 1, offset: 0 });
  } catch {
    return splitDocuments(text).flatMap((part): readonly (YamlDocument | YamlProblem)[] => {
      try {
        return readDocuments(part);
      } catch (error) {
        return [problemOf(error, part)];
      }
    });
  }
}
