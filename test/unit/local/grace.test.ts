import { expect, test } from "vitest";
import { graceOf } from "../../../core/local/src/vm/grace.ts";

const of = (terminationGracePeriodSeconds?: number): ReturnType<typeof graceOf> =>
  graceOf({
    spec: {
      domain: { devices: {} },
      ...(terminationGracePeriodSeconds === undefined ? {} : { terminationGracePeriodSeconds }),
    },
  });

test("a guest is waited for as long as its VM says, within bounds", () => {
  expect(of()).toEqual({ milliseconds: 30_000, warnings: [] });
  expect(of(0)).toMatchObject({ milliseconds: 0 });
  expect(of(-1)).toMatchObject({ milliseconds: 0 });
  expect(of(300)).toEqual({ milliseconds: 300_000, warnings: [] });
});

test.each([301, 315_360_000, Number.MAX_SAFE_INTEGER])(
  "%d seconds are cut to what somebody can wait, with a warning that says so",
  (seconds) => {
    const { milliseconds, warnings } = of(seconds);
    const [warning] = warnings;
    expect(milliseconds).toBe(300_000);
    expect(warning).toContain(`terminationGracePeriodSeconds is ${seconds}`);
    expect(warning).toContain("netbind stop --force");
  },
);
