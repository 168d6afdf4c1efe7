/*
 * Base64 and UTF-8 without a runtime's help: what reads documents runs where there is no Buffer, no atob and no TextDecoder.
 */

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const REPLACEMENT = 0xfffd;

const VALUES: ReadonlyMap<string, number> = new Map([
  ...Array.from(ALPHABET, (character, value) => [character, value] as const),
  // The alphabet for URLs.
  ["-", 62],
  ["_", 63],
]);

/** The bytes of a base64 text, up to its padding. What is not of the alphabet, such as line ends, is left out. */
function bytesOf(text: string): readonly number[] {
  const bytes: number[] = [];
  let [bits, held] = [0, 0];
  for (const character of text.split("=", 1)[0] ?? "") {
    const value = VALUES.get(character);
    if (value === undefined) continue;
    bits = ((bits << 6) | value) & 0xfff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes.push((bits >> held) & 0xff);
  }
  return bytes;
}

/** The beginnings of UTF-8's sequences: their first bytes, how many follow, and the range of the second (Unicode 16, table 3-7). */
const SEQUENCES = [
  { first: 0xc2, last: 0xdf, more: 1, low: 0x80, high: 0xbf },
  { first: 0xe0, last: 0xe0, more: 2, low: 0xa0, high: 0xbf },
  { first: 0xe1, last: 0xec, more: 2, low: 0x80, high: 0xbf },
  { first: 0xed, last: 0xed, more: 2, low: 0x80, high: 0x9f },
  { first: 0xee, last: 0xef, more: 2, low: 0x80, high: 0xbf },
  { first: 0xf0, last: 0xf0, more: 3, low: 0x90, high: 0xbf },
  { first: 0xf1, last: 0xf3, more: 3, low: 0x80, high: 0xbf },
  { first: 0xf4, last: 0xf4, more: 3, low: 0x80, high: 0x8f },
] as const;

/** The code point that begins at an index, and how many bytes it takes: the replacement character for what is none. */
function codePointAt(bytes: readonly number[], at: number): { readonly point: number; readonly length: number } {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return { point: first, length: 1 };
  const sequence = SEQUENCES.find((one) => first >= one.first && first <= one.last);
  if (sequence === undefined) return { point: REPLACEMENT, length: 1 };
  let point = first & (0x3f >> sequence.more);
  for (let length = 1; length <= sequence.more; length++) {
    const byte = bytes[at + length] ?? 0;
    const [low, high] = length === 1 ? [sequence.low, sequence.high] : [0x80, 0xbf];
    if (byte < low || byte > high) return { point: REPLACEMENT, length };
    point = (point << 6) | (byte & 0x3f);
  }
  return { point, length: sequence.more + 1 };
}

/**
 * The UTF-8 text in a base64 text. Like Buffer's reading it refuses nothing: bytes that are not UTF-8 become U+FFFD.
 */
export function base64Text(text: string): string {
  const bytes = bytesOf(text);
  const characters: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const { point, length } = codePointAt(bytes, at);
    characters.push(String.fromCodePoint(point));
    at += length;
  }
  return characters.join("");
}
