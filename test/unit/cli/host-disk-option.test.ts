import { expect, test } from "vitest";
import { useNetbind } from "../../support/guest/use-netbind.ts";

const netbind = useNetbind();

test.each(["run", "plan"])(
  "%s: an empty --host-disk lists nothing, above all not the current directory",
  async (command) => {
    const { code, stdout, stderr } = await netbind([command, "-f", "-", "--host-disk", ""], { stdin: "" });
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain("option '--host-disk <directory>' argument '' is invalid. Write a directory.");
  },
);
