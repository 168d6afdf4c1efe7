import { expect, test } from "vitest";
import { type Tried, WorkQueue } from "@netbind/kube";

test("what waits is tried again before its time where it is hastened, and only then", async () => {
  const queue = new WorkQueue(3_600_000);
  let tries = 0;
  const work = async (): Promise<Tried> => {
    tries += 1;
    return "done";
  };
  for (let time = 0; time < 2; time += 1) {
    queue.start("one", work);
    await queue.idle();
    expect(tries).toBe(1);
  }
  queue.hasten("one");
  queue.hasten("another");
  queue.start("one", work);
  await queue.idle();
  expect(tries).toBe(2);
});
