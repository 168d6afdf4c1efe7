/** Fields that a VM has not, and what is said of them. */
import { expect, test } from "vitest";
import { findUnknownFields } from "../../../core/kubevirt/src/admission/index.ts";

const deep = (depth: number): unknown => (depth === 0 ? {} : { domain: deep(depth - 1) });

test("a slip of any length is answered in time, and no more than twenty of them", () => {
  const many = Object.fromEntries(Array.from({ length: 5000 }, (_, at) => [`field${at}`.padEnd(20_000, "x"), {}]));
  const found = findUnknownFields({ spec: { domain: many } }, "vmi");
  expect(found).toHaveLength(20);
  for (const { field, problem } of found) expect(field.length + problem.length).toBeLessThan(400);
  expect(findUnknownFields({ spec: deep(150) }, "vmi")).toHaveLength(1);
});

test("names of methods are not known as fields", () => {
  expect(
    findUnknownFields({ spec: { domain: { constructor: {}, ["__proto__x"]: 1 } } }, "vmi").map(({ field }) => field),
  ).toEqual(["spec.domain.constructor", "spec.domain.__proto__x"]);
});

test("what is not an object is another check's", () => {
  for (const spec of [undefined, null, 1, "x", [], { domain: 1 }, { domain: { devices: [] } }])
    expect(findUnknownFields({ spec }, "vmi")).toEqual([]);
  for (const object of [undefined, null, 1, "x", []]) expect(findUnknownFields(object, "vmi")).toEqual([]);
});
