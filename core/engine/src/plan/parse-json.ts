/** What is not JSON, and where the text stops being it: both count from 1. */
export interface JsonProblem {
  readonly problem: string;
  readonly line: number;
  readonly column: number;
}

/** True where more text could still make JSON of it: the parser complains of its end. */
function isBeginning(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    const { message } = error as Error;
    return (
      /^(Unexpected end|Unterminated)/.test(message) || Number(/ at position (\d+)/.exec(message)?.[1]) >= text.length
    );
  }
}

/** How many characters of a text could be the beginning of JSON: the parser does not always say where it stopped. */
function lengthOfBeginning(text: string): number {
  let [least, most] = [0, text.length];
  while (least < most) {
    const middle = Math.ceil((least + most) / 2);
    if (isBeginning(text.slice(0, middle))) least = middle;
    else most = middle - 1;
  }
  return least;
}

/** A reviver: a field without a value is a field that is not there, as the API server reads it. */
function withoutNull(this: unknown, _: string, value: unknown): unknown {
  return value === null && !Array.isArray(this) ? undefined : value;
}

/** Reads a text of JSON as a person writes it, or says what is wrong with it and where. */
export function parseJson(text: string): { readonly value: unknown } | JsonProblem {
  try {
    return { value: (JSON.parse(text, withoutNull) as unknown) ?? null };
  } catch (error) {
    const lines = text.slice(0, lengthOfBeginning(text)).split("\n");
    // The runtime's own position counts characters of the whole text; the line and the column say it better.
    const [said = ""] = (error as Error).message.split(" at position ");
    const problem = said.replaceAll("\n", "\\n");
    return { problem: `it is not valid JSON: ${problem}`, line: lines.length, column: (lines.at(-1) ?? "").length + 1 };
  }
}
