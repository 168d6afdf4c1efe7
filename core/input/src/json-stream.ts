/** An object of a text, and its offset there. */
export interface JsonPart {
  readonly text: string;
  readonly at: number;
}

/** A string, or a character that begins or ends an object or a list. */
const TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\]]/gs;
const isBlank = (text: string): boolean => text.trim() === "";

/**
 * Cuts a text of JSON objects that follow one another into them, as kubectl reads such a stream. Gives none where the text
 * does not begin with one, or where something stands between them.
 */
export function splitJson(text: string): readonly JsonPart[] {
  if (!text.trimStart().startsWith("{")) return [];
  const parts: JsonPart[] = [];
  let [depth, from] = [0, 0];
  for (const { 0: token, index } of text.matchAll(TOKENS)) {
    if (token === "{" || token === "[") {
      if (depth === 0 && !isBlank(text.slice(from, index))) return [];
      if (depth++ === 0) from = index;
    } else if ((token === "}" || token === "]") && --depth === 0) {
      parts.push({ text: text.slice(from, index + 1), at: from });
      from = index + 1;
    }
  }
  return isBlank(text.slice(from)) ? parts : [];
}
