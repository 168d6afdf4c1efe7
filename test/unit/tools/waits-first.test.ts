import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { WAITING } from "../../support/waits-first.ts";

test("each file that begins first because it waits is there", () => {
  const missing = WAITING.filter(
    (name) => !existsSync(fileURLToPath(new URL(`../../${name}.test.ts`, import.meta.url))),
  );
  expect(missing).toEqual([]);
});
