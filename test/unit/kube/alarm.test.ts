/** An agent hears of a change at once, also of one that comes while it is busy. */
import { expect, test } from "vitest";
import { Alarm } from "@netbind/kube";

const LONG = 3_600_000;
const never = new AbortController().signal;

test("it wakes who waits, and who begins to wait after it rang", async () => {
  const alarm = new Alarm();
  const waiting = alarm.wait(LONG, never);
  alarm.ring();
  await waiting;
  alarm.ring();
  await alarm.wait(LONG, never);
});

test("what rings twice wakes once, and without a ring the time ends the wait", async () => {
  const alarm = new Alarm();
  alarm.ring();
  alarm.ring();
  await alarm.wait(LONG, never);
  let isOver = false;
  const stop = new AbortController();
  const waiting = alarm.wait(LONG, stop.signal).then(() => {
    isOver = true;
  });
  await new Alarm().wait(1, never);
  expect(isOver).toBe(false);
  stop.abort();
  await waiting;
  await alarm.wait(LONG, stop.signal);
});
