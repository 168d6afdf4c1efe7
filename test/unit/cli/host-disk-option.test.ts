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

test("run: a file of passwords that is not there, or not one, is named before anything is made", async () => {
  const vmi = {
    apiVersion: "kubevirt.io/v1",
    kind: "VirtualMachineInstance",
    metadata: { name: "one" },
    spec: { domain: { devices: {} } },
  };
  for (const [file, problem] of [
    ["/nonexistent/auth.json", "it cannot be read"],
    ["/etc", "it cannot be read"],
    ["/etc/hostname", ":1:1: "],
  ] as const) {
    const run = ["run", "-f", "-", "--authfile", file];
    const { code, stderr } = await netbind(run, { stdin: JSON.stringify(vmi) });
    expect(code, stderr).toBe(3);
    expect(stderr).toContain(`--authfile ${file}`);
    expect(stderr).toContain(problem);
  }
});
