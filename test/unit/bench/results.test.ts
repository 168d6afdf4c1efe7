import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { keepFigures } from "../../bench/results.ts";

const ORDER = ["first", "second", "third"];
const figures = (bench: string, value: string) => ({
  bench,
  measured: "On a day.",
  lines: ["| what |", `| ${value} |`],
});

test("a bench's figures take the place of its older ones, in the benches' order, and no other section changes", () => {
  const one = keepFigures("", figures("third", "1 ms"), ORDER);
  const two = keepFigures(one, figures("first", "2 ms"), ORDER);
  expect(two.indexOf("## first")).toBeLessThan(two.indexOf("## third"));
  expect(two.slice(two.indexOf("## third"))).toBe(one.slice(one.indexOf("## third")));
  const three = keepFigures(two, figures("third", "3 ms"), ORDER);
  expect(three).toBe(two.replace("1 ms", "3 ms"));
});

test("what is kept has the form that it is written in", () => {
  const kept = readFileSync(new URL("../../bench/RESULTS.md", import.meta.url), "utf8");
  const benches = [...kept.matchAll(/^## (.*)$/gm)].map(([, bench = ""]) => bench);
  const sections = kept.split(/^(?=## )/m).slice(1);
  expect(benches.length).toBeGreaterThan(5);
  const again = benches.reduce((text, bench, at) => {
    const [, , measured = "", , ...lines] = (sections[at] ?? "").trimEnd().split("\n");
    return keepFigures(text, { bench, measured, lines }, benches);
  }, "");
  expect(again).toBe(kept);
});
