/** Base64 is read as Node's Buffer reads it, without one. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { base64Text } from "../../../core/input/src/base64-text.ts";

const byBuffer = (text: string): string => Buffer.from(text, "base64").toString("utf8");

test("any bytes, as base64 or as base64url, with line ends and without padding", () => {
  const writtenAs = fc.constantFrom<(base64: string) => string>(
    (text) => text,
    (text) => text.replaceAll("=", ""),
    (text) => text.replace(/.{1,4}/g, "$&\r\n"),
    (text) => text.replaceAll("+", "-").replaceAll("/", "_"),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), writtenAs, (bytes, write) => {
      const text = write(Buffer.from(bytes).toString("base64"));
      expect(base64Text(text)).toBe(byBuffer(text));
    }),
    { numRuns: 1000 },
  );
});

test("any text comes back, and a sequence that is cut or too long becomes replacement characters", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary" }),
      (text) => base64Text(Buffer.from(text).toString("base64")) === Buffer.from(text).toString(),
    ),
  );
  for (const hex of ["c0af", "e08080", "eda080", "f4908080", "f09f98", "e282", "80bf", "61c3", "f0909f98", "ff61"]) {
    const text = Buffer.from(hex, "hex").toString("base64");
    expect(base64Text(text), hex).toBe(byBuffer(text));
  }
});
