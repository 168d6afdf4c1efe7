import { afterAll, beforeAll } from "vitest";
import type { Outcome } from "./netbind.ts";
import { type Call, ResidentNetbind } from "./resident-netbind.ts";

/**
 * The `netbind` command for a file of tests, in one process for all of its calls. That a process of its own ends as such a
 * call does is a test of its own (test/unit/cli/process.test.ts).
 */
export function useNetbind(): (args: readonly string[], more?: Omit<Call, "args">) => Promise<Outcome> {
  let resident: ResidentNetbind;
  beforeAll(() => {
    resident = new ResidentNetbind();
  });
  afterAll(() => resident[Symbol.asyncDispose]());
  return (args, more) => resident.call(args, more);
}
