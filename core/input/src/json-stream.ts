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

/**
 * Cuts a text of JSON objects that follow one another into them, as kubectl reads such a stream. Gives none where the text
 * does not begin with one, or where something stands between them.
 */
export function splitJson(text: string): readonly JsonPart[] {
  if (!text.trimStart().startsWith("{")) return [];
  const parts: JsonPart[] = [];
  let end = 0;
  for (const [start, next] of spansOf(text)) {
    if (!isBlank(text.slice(end, start))) return [];
    parts.push({ text: text.slice(start, next), at: start });
    end = next;
  }
  return isBlank(text.slice(end)) ? parts : [];
}
