/** Tables as wide as who reads them has room, and times as a reader says them. */
import type { NicStatus } from "@netbind/engine";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ageOf } from "../../../core/view/src/age.ts";
import { formatVm, type ShownVm, vmTable } from "../../../core/view/src/format-vm.ts";
import { definitions, table } from "../../../core/view/src/table.ts";

test("columns are as wide as their widest cell, and no line ends in white space", () => {
  expect(
    table([
      ["NAME", "MEANS"],
      ["a", "x"],
      ["longest", ""],
    ]),
  ).toBe("NAME     MEANS\na        x\nlongest");
});

describe("a table that is wider than its reader's screen", () => {
  const ROWS = [
    ["NIC", "ADDRESSES", "MAC"],
    ["default", ["10.0.2.2", "fd10::2"], "02:00:00:00:00:01"],
    ["blue", "-", "02:00:00:00:00:02"],
  ] as const;

  test("has room for all: what a cell has several of stands in one line", () => {
    const text =
      "NIC      ADDRESSES         MAC\ndefault  10.0.2.2,fd10::2  02:00:00:00:00:01\nblue     -                 02:00:00:00:00:02";
    expect([table(ROWS), table(ROWS, 45)]).toEqual([text, text]);
  });

  test("has one address below the other, where that is enough", () => {
    expect(table(ROWS, 40)).toBe(
      "NIC      ADDRESSES  MAC\ndefault  10.0.2.2   02:00:00:00:00:01\n         fd10::2\nblue     -          02:00:00:00:00:02",
    );
  });

  test("is a block for each row, where it is not", () => {
    expect(table(ROWS, 30)).toBe(
      "NIC        default\nADDRESSES  10.0.2.2\n           fd10::2\nMAC        02:00:00:00:00:01\n\nNIC        blue\nADDRESSES  -\nMAC        02:00:00:00:00:02",
    );
  });
});

const word = fc.stringMatching(/^[a-z0-9.:-]{1,12}$/);
const words = (text: string): readonly string[] => text.split(/[\s,]+/).filter((one) => one !== "");

test("whatever is in a table, no line is wider than the screen, and each word is there, whole and in its order", () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(word, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 9 }),
      fc.integer({ min: 26, max: 120 }),
      (row, width) => {
        const header = row.map((_, at) => `C${at}`);
        const text = table([header, row, row], width);
        for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(width);
        expect(
          words(text)
            .filter((one) => !header.includes(one))
            .sort(),
        ).toEqual([...row, ...row].flat().sort());
      },
    ),
  );
});

test("sentences beside names are cut between words, and stand below them where no room is left beside", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(word, fc.array(word, { minLength: 1, maxLength: 20 })), { minLength: 1 }),
      fc.integer({ min: 16, max: 100 }),
      (rows, width) => {
        const text = definitions(
          rows.map(([name, means]) => [name, means.join(" ")]),
          width,
        );
        for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(width);
        expect(words(text)).toEqual(rows.flatMap(([name, means]) => [name, ...means]));
      },
    ),
  );
  expect(definitions([["a", "b c"]])).toBe("a  b c");
});

test.each([
  [0, "0s"],
  [119_999, "119s"],
  [120_000, "2m"],
  [270_000, "4m30s"],
  [10 * 60_000, "10m"],
  [179 * 60_000, "179m"],
  [3 * 3_600_000, "3h"],
  [5.5 * 3_600_000, "5h30m"],
  [47 * 3_600_000, "47h"],
  [50 * 3_600_000, "2d2h"],
  [9 * 86_400_000, "9d"],
  [800 * 86_400_000, "2y70d"],
  [-5, "0s"],
  [Number.NaN, "-"],
])("%d milliseconds ago: %s", (age, text) => {
  expect(ageOf(1_000_000 - age, 1_000_000)).toBe(text);
});

test("what runs is shown with its age, one VM or all, on a screen of 80 columns", () => {
  const nic: NicStatus = {
    ...{ name: "default", binding: "masquerade", mac: "02:00:00:00:00:01", mtu: 1500, queueCount: 1, ports: [] },
    ...{ podAddresses: ["10.244.0.2", "fd10:244::2"], guestAddresses: ["10.0.2.2", "fd10:0:2::2"] },
    ...{ plannedAddresses: 2, traffic: { fromGuest: true, toGuest: true } },
  };
  const vm: ShownVm = {
    ...{
      namespace: "default",
      name: "web",
      phase: "running",
      netns: "netbind-1",
      createdAt: "2026-01-01T00:00:00.000Z",
    },
    ...{ source: "vm.yaml", nics: [nic], processes: [{ role: "qemu", pids: [12, 13], alive: true }] },
  };
  const screen = { width: 80, now: Date.parse(vm.createdAt) + 270_000 };
  expect(vmTable([vm], screen)).toBe(
    "NAMESPACE  NAME  PHASE    AGE    ADDRESSES\ndefault    web   running  4m30s  10.244.0.2,fd10:244::2",
  );
  const one = formatVm(vm, screen);
  expect(one).toContain("running since 2026-01-01T00:00:00.000Z (4m30s), from vm.yaml");
  expect(one).toContain("GUEST ADDRESS  10.0.2.2\n               fd10:0:2::2\n");
  for (const line of one.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
});
