import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { sha256 } from "../../../core/kubevirt/src/values/sha256.ts";

test("the hash is the one that everybody else computes", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "grapheme", maxLength: 200 }),
      (text) => void expect(sha256(text)).toBe(createHash("sha256").update(text).digest("hex")),
    ),
  );
});
