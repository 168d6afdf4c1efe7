/** An object of a text, and its offset there. */
export interface JsonPart {
  readonly text: string;
  readonly at: number;
}

const isBlank = (text: string): boolean => text.trim() === "";

/** The offset behind a string that begins at an offset; the text's end where it does not end. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"') return at + 1;
  }
  return text.length;
}

/** Where the objects of a text begin, and where they end. A text of something else has other characters between them. */
function* spansOf(text: string): Generator<readonly [start: number, end: number]> {
  // What begins or ends an object, a list or a string.
  const tokens = /["{}[\]]/g;
  let [depth, start] = [0, 0];
  for (let found = tokens.exec(text); found !== null; found = tokens.exec(text)) {
    const { 0: token, index } = found;
    if (token === '"') tokens.lastIndex = endOfString(text, index);
    else if (token === "{" || token === "[") {
      if (depth++ === 0) start = index;
    } else if (--depth === 0) yield [start, index + 1];
  }
}

/** True for what may stand behind an object: nothing, or a comma, which is a part by itself and a slip. */
const isBetween = (text: string): boolean => isBlank(text) || text.trim() === ",";

/**
 * Cuts a text of JSON objects that follow one another into them, as kubectl reads such a stream. A comma between two is a
 * part by itself, and so is an object that does not end. Gives none where the text does not begin with an object, or where
 * something else stands between them.
 */
export function splitJson(text: string): readonly JsonPart[] {
  if (!text.trimStart().startsWith("{")) return [];
  const parts: JsonPart[] = [];
  const addComma = (between: string, at: number): void => {
    if (!isBlank(between)) parts.push({ text: ",", at: at + between.indexOf(",") });
  };
  let end = 0;
  for (const [start, next] of spansOf(text)) {
    const between = text.slice(end, start);
    if (!isBetween(between)) return [];
    addComma(between, end);
    parts.push({ text: text.slice(start, next), at: start });
    end = next;
  }
  const rest = text.slice(end).trimStart();
  const at = text.length - rest.length;
  if (isBetween(rest)) addComma(rest, at);
  else if (rest.startsWith("{")) parts.push({ text: rest, at });
  else return [];
  return parts;
}

/** A part of a stream that is not JSON: where, why, and what to do. */
export interface JsonSlip {
  readonly at: number;
  readonly problem: string;
  readonly fix: string;
}

/** What JSON has beside strings: a comma that nothing follows is not of it. */
const TOKEN = /[\s{}[\]:]+|,(?!\s*[}\]])|-?\d[\d.eE+-]*(?![\w.])|(?:true|false|null)\b/y;

/** The offset of the first thing that JSON has not; the text's end where all of it is known. */
function endOfTokens(text: string): number {
  let at = 0;
  while (at < text.length) {
    TOKEN.lastIndex = at;
    const next = text[at] === '"' ? endOfString(text, at) : TOKEN.test(text) ? TOKEN.lastIndex : at;
    if (next === at) return at;
    at = next;
  }
  return at;
}

/** What of an object in a stream is not JSON, though it may be YAML: kubectl reads a stream as JSON alone. */
export function findJsonSlip(text: string): JsonSlip | undefined {
  if (text === ",")
    return {
      at: 0,
      problem: "invalid JSON: a comma after an object",
      fix: "remove it: objects follow one another without a comma, or are the items of a List",
    };
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    const at = endOfTokens(text);
    if (text[at] === ",") return { at, problem: "invalid JSON: a comma after the last entry", fix: "remove the comma" };
    const position = / at position (\d+)/.exec((error as Error).message)?.[1] ?? "0";
    return {
      at: at < text.length ? at : Math.min(Number(position), text.length),
      problem: "invalid JSON: objects that follow one another are read as JSON, and this is not",
      fix: "put names and texts in double quotes and leave out comments, or write --- between the objects",
    };
  }
}
