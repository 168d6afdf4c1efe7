import { expect, test } from "vitest";
import { limitConcurrency } from "../../../core/agent/src/limit-concurrency.ts";

/** Commands that end when they are asked to, and the order in which they began. */
function commands() {
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const exec = (argv: readonly string[]): Promise<string> => {
    begun.push(argv.join(" "));
    return new Promise((resolve) => ends.push(() => resolve("")));
  };
  const endOne = async (): Promise<void> => {
    ends.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { begun, exec, endOne };
}

test("no more commands run at a time than the limit says", async () => {
  const { begun, exec, endOne } = commands();
  const turn = limitConcurrency(exec, 2);
  const all = ["a", "b", "c"].map((name) => turn()([name]));
  expect(begun).toEqual(["a", "b"]);
  await endOne();
  expect(begun).toEqual(["a", "b", "c"]);
  await endOne();
  await endOne();
  await Promise.all(all);
});

test("a turn that began earlier goes before all that began later", async () => {
  const { begun, exec, endOne } = commands();
  const turn = limitConcurrency(exec, 1);
  const [first, second] = [turn(), turn()];
  const all = [second(["second 1"]), second(["second 2"]), first(["first 1"]), first(["first 2"])];
  for (let at = 0; at < 4; at++) await endOne();
  expect(begun).toEqual(["second 1", "first 1", "first 2", "second 2"]);
  await Promise.all(all);
});

test("a command that fails gives its place to the next", async () => {
  const turn = limitConcurrency((argv) => Promise.reject(new Error(argv.join(" "))), 1);
  const results = await Promise.allSettled(["a", "b"].map((name) => turn()([name])));
  expect(results.map((one) => one.status)).toEqual(["rejected", "rejected"]);
});
