import { expect, test } from "vitest";
import { authorsPart, locationOf } from "../../../core/contract/src/author-location.ts";

const OURS = "    at checked (/opt/core/contract/src/checked-hooks.ts:9:1)";

test.each([
  ["at plan (/tmp/some where/lan.ts:3:7)", "/tmp/some where/lan.ts:3:7"],
  ["at Object.plan [as admit] (/tmp/a (copy)/lan.ts:3:7)", "/tmp/a (copy)/lan.ts:3:7"],
  ["at file:///tmp/some%20where/lan.ts:3:7", "file:///tmp/some%20where/lan.ts:3:7"],
  ["at async /tmp/some where/lan.ts:3:7", "/tmp/some where/lan.ts:3:7"],
  ["at eval (eval at plan (/tmp/lan.ts:1:1), <anonymous>:3:7)", "<anonymous>:3:7"],
])("the place of the author's code in %j", (frame, place) => {
  const stack = `Error: no\n${OURS}\n    ${frame}\n${OURS}`;
  expect(locationOf(stack)).toBe(place);
  expect(authorsPart(stack)).toBe(`Error: no\n${OURS}\n    ${frame}`);
});

test.each(["at async Promise.all (index 0)", "at native", "look at this: 3:7", `at ${"x".repeat(1000)}:3:7`])(
  "%j names no place",
  (line) => expect(locationOf(`Error: no\n    ${line}`)).toBeUndefined(),
);
