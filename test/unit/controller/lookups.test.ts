/** Objects that VMs name are read as they are named, kept for a moment, and never more than so many. */
import { ApiLookups, type Looked } from "@netbind/controller";
import { ApiError, NETWORK_ATTACHMENT_DEFINITIONS } from "@netbind/kube";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

type Answer = () => Promise<Readonly<Record<string, unknown>>>;

let asked: string[];
let problems: (string | undefined)[];
let answer: Answer;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
  asked = [];
  problems = [];
  answer = async () => ({ metadata: { name: "lan", namespace: "a", managedFields: [{}] }, spec: { config: "{}" } });
});
afterEach(() => {
  vi.useRealTimers();
});

function lookups(bounds: object = {}): (name: string) => Promise<Looked> {
  const client = {
    request: async ({ name = "" }) => {
      asked.push(name);
      return await answer();
    },
  };
  const made = new ApiLookups({ client, bounds, onProblem: (problem) => problems.push(problem) });
  return (name) => made.find({ resource: NETWORK_ATTACHMENT_DEFINITIONS, namespace: "a", name });
}

test("what is found is kept for a moment, without what nobody reads, and asked for once by many", async () => {
  const find = lookups();
  const [first] = await Promise.all([find("lan"), find("lan"), find("lan")]);
  // Strictly: a field that is there and undefined has another shape than one that is not there.
  expect(first).toStrictEqual({ object: { metadata: { name: "lan", namespace: "a" }, spec: { config: "{}" } } });
  expect(asked).toEqual(["lan"]);
  vi.advanceTimersByTime(9000);
  await find("lan");
  expect(asked).toEqual(["lan"]);
  vi.advanceTimersByTime(2000);
  await find("lan");
  expect(asked).toEqual(["lan", "lan"]);
});

test("what is missing, or cannot be read, is asked for each time: it may be made in the next moment", async () => {
  const find = lookups();
  const sound = answer;
  answer = () => Promise.reject(new ApiError("no such object", 404));
  expect([await find("lan"), problems]).toEqual(["missing", []]);
  answer = () => Promise.reject(new ApiError("cannot get: add the rule", 403));
  expect([await find("lan"), await find("lan")]).toEqual(["unknown", "unknown"]);
  answer = sound;
  expect(await find("lan")).toMatchObject({ object: {} });
  expect(asked).toHaveLength(4);
  expect(problems).toEqual(["cannot get: add the rule", undefined]);
});

test("no more is kept than so many objects, and none that is long", async () => {
  const find = lookups({ most: 2 });
  for (const name of ["a", "b", "c", "b", "c", "a"]) await find(name);
  expect(asked).toEqual(["a", "b", "c", "a"]);
  answer = async () => ({ metadata: { name: "lan" }, spec: { config: "x".repeat(70_000) } });
  await find("long");
  expect(await find("long")).toMatchObject({ object: {} });
  expect(asked.slice(4)).toEqual(["long", "long"]);
});
