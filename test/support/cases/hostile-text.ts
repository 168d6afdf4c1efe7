import { expect } from "vitest";

/**
 * What a text may do to a terminal: clear it, color it, name its window, go back and write over, reorder, end a line,
 * break UTF-8.
 */
export const HOSTILE_TEXTS: Readonly<Record<string, string>> = {
  colors: "\u001b[2J\u001b[31mred",
  title: "\u001b]0;owned\u0007",
  "C1 controls": "\u009b31m\u0085\u0090",
  "over what stands there": "good\rbad\b\b\u007f",
  "bidirectional text": "\u202egnp.\u202c \u2066x\u2069 \u200f\u061c",
  "nothing to be seen": "a\u200bb\u00adc\ufeff\u{e0041}",
  "other line ends": "one\u2028two\u2029three\u000bfour\u000c",
  "half a character": "\ud800 \udc00",
  "what nobody defined": "\ue000\u0378\uffff",
  "a line of another": "x\nnetbind: default/other: healthy",
};

// The same as in the encoder would test nothing: these are the ranges, by their numbers.
const RAW =
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ue000-\uf8ff\uffff]|[\u{e0000}-\u{e007f}]|\ufffd/u;

/** Sees that a command's output does nothing to a terminal. */
export function expectHarmless(output: string): void {
  const at = output.search(RAW);
  expect(at === -1 ? "" : JSON.stringify(output.slice(Math.max(0, at - 40), at + 40))).toBe("");
}
