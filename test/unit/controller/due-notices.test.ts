/** What is told of VMs: what lasts, and from time to time. */
import { DueNotices } from "@netbind/controller";
import { expect, test } from "vitest";

const NOTICE = {
  vmi: { namespace: "default", name: "vm", uid: "u" },
  reason: "AGENT_MISSING",
  message: "it waits",
} as const;
const OTHER = { ...NOTICE, message: "it waits for something else" };

test("something is told once it has lasted, and again after ten minutes", () => {
  const due = new DueNotices();
  expect(due.take([NOTICE], 0)).toEqual([]);
  expect(due.take([NOTICE, OTHER], 4000)).toEqual([]);
  expect(due.take([NOTICE, NOTICE, OTHER], 5000)).toEqual([NOTICE]);
  expect(due.take([NOTICE, OTHER], 9000)).toEqual([OTHER]);
  expect(due.take([NOTICE, OTHER], 604_000)).toEqual([]);
  expect(due.take([NOTICE, OTHER], 605_000)).toEqual([NOTICE]);
});

test("what is over is forgotten, and has to last again", () => {
  const due = new DueNotices();
  due.take([NOTICE], 0);
  expect(due.take([], 3000)).toEqual([]);
  expect(due.take([NOTICE], 6000)).toEqual([]);
  expect(due.take([NOTICE], 11_000)).toEqual([NOTICE]);
});

test("the time of the next report is known, so that nothing is looked at before", () => {
  const due = new DueNotices();
  expect(due.next).toBe(Infinity);
  due.take([NOTICE], 1000);
  due.take([NOTICE, OTHER], 2000);
  expect(due.next).toBe(6000);
  due.take([NOTICE, OTHER], 6000);
  expect(due.next).toBe(7000);
  due.take([NOTICE, OTHER], 7000);
  expect(due.next).toBe(606_000);
  due.take([], 8000);
  expect(due.next).toBe(Infinity);
});
