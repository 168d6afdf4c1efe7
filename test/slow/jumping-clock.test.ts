import { expect, test } from "vitest";
import { KillLab } from "../support/kill/kill-lab.ts";

test("a clock that jumps by a day, forth and back, changes nothing", async () => {
  await using lab = await KillLab.make();
  const env = { NODE_OPTIONS: `--import=${new URL("../support/kill/jumping-clock.ts", import.meta.url).href}` };
  const started = await lab.run(["run", "-f", "-", "--keep"], env);
  expect(started.code, started.stderr).toBe(0);
  expect(started.stdout).toContain("10.0.2.2");
  process.kill(lab.pidOf("dhcp4"), "SIGKILL");
  process.kill(lab.pidOf("sidecar"), "SIGKILL");
  expect((await lab.run(["apply"], env)).stdout).toBe("default/one: healthy\n");
  expect((await lab.run(["stop", "one"], env)).code).toBe(0);
  expect(await lab.leftovers()).toEqual([]);
});
