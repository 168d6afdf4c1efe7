import { notJson, tooLong } from "./errors.ts";

/**
 * The JSON values of a stream that has one on each line, as they come. A last line without its end is not given: it was
 * cut off.
 *
 * @throws TooLongError where a line has more than `limit` bytes
 */
export async function* jsonLines(stream: AsyncIterable<Buffer>, limit: number): AsyncGenerator<unknown, void> {
  let parts: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    let from = 0;
    for (let end = chunk.indexOf("\n"); end >= 0; end = chunk.indexOf("\n", from)) {
      const part = chunk.subarray(from, end);
      if (length + part.length > limit) throw tooLong("a line", limit);
      const line = Buffer.concat([...parts, part])
        .toString()
        .trim();
      parts = [];
      length = 0;
      from = end + 1;
      if (line !== "") yield parse(line);
    }
    const rest = chunk.subarray(from);
    length += rest.length;
    if (length > limit) throw tooLong("a line", limit);
    if (rest.length > 0) parts.push(rest);
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw notJson("a line");
  }
}
