/** Pods that come at once have their node looked through together. */
import { expect, test } from "vitest";
import { inBatches } from "../../../core/agent/src/in-batches.ts";

test("what is asked at once, or while others are answered, is answered together, each by its own answer", async () => {
  const batches: (readonly number[])[] = [];
  const { promise: first, resolve: goOn } = Promise.withResolvers<void>();
  const double = inBatches(async (numbers: readonly number[]) => {
    batches.push(numbers);
    await first;
    return numbers.map((number) => 2 * number);
  });
  const early = [double(1), double(2)];
  await expect.poll(() => batches).toEqual([[1, 2]]);
  const late = [double(3), double(4), double(5)];
  goOn();
  expect(await Promise.all([...early, ...late])).toEqual([2, 4, 6, 8, 10]);
  expect(batches).toEqual([
    [1, 2],
    [3, 4, 5],
  ]);
  expect(await double(6)).toBe(12);
});

test("what fails fails for those that asked for it, and later ones are answered", async () => {
  let isBroken = true;
  const echo = inBatches(async (texts: readonly string[]) => {
    if (isBroken) throw new Error("broken");
    return texts;
  });
  const failed = await Promise.allSettled([echo("a"), echo("b")]);
  expect(failed.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  isBroken = false;
  expect(await echo("c")).toBe("c");
});
