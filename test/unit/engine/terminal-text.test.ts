import { isPrintable, terminalJson, terminalLine, terminalText } from "@netbind/engine/terminal";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { expectHarmless, HOSTILE_TEXTS } from "../../support/cases/hostile-text.ts";

const anyText = fc.string({ unit: "binary" });

describe.each(Object.entries(HOSTILE_TEXTS))("%s", (_, text) => {
  test("is shown by escapes on one line", () => {
    const line = terminalLine(text);
    expectHarmless(line);
    expect(line).not.toContain("\n");
    expect(isPrintable(line)).toBe(true);
  });
  test("is the same text in JSON", () => {
    const json = terminalJson(JSON.stringify({ text }, null, 2));
    expectHarmless(json);
    expect(JSON.parse(json)).toEqual({ text });
  });
});

test("any text is printable once it is encoded, and none that is printable is changed", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const line = terminalLine(text);
      expectHarmless(line);
      if (isPrintable(text) && !text.includes("\n") && !/\p{M}{4}/u.test(text)) expect(line).toBe(text);
      expect(terminalLine(line)).toBe(line);
      expect(JSON.parse(terminalJson(JSON.stringify(text)))).toBe(text);
    }),
  );
});

test("what is written stays readable: other alphabets, signs, accents", () => {
  const text = "Größe 大小 размер גודל ñ 🙂 – “x” e\u0301 \\d";
  expect(terminalLine(text)).toBe(text);
  expect(terminalLine(`e${"\u0301".repeat(50)}`)).toMatch(/^e(\\u\{301\})+$/);
});

test("a line is bounded, and its end is shown as its beginning is", () => {
  const line = terminalLine(`begin ${"x".repeat(1_000_000)} end`, 100);
  expect(line.length).toBeLessThan(150);
  expect(line).toMatch(/^begin x+ \.\.\. 999910 characters \.\.\. x+ end$/);
});

test("a text is bounded in lines, and no line of it looks as if it began one", () => {
  const text = terminalText(
    ["first", ...Array.from({ length: 100_000 }, (_, at) => `netbind: ${at}`), "last"].join("\r\n"),
  );
  const lines = text.split("\n");
  expect(lines).toHaveLength(101);
  expect([lines[0], lines[50], lines.at(-1)]).toEqual(["first", "    ... 99902 lines ...", "    last"]);
  expect(lines.slice(1).filter((line) => !line.startsWith("    "))).toEqual([]);
});
