/** How plugins are named on a command line, and what is said of those that cannot be asked. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { linkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { netbind } from "../support/guest/netbind.ts";
import { usePicky, vm } from "../support/plugins/picky.ts";

const picky = usePicky();

test("other names than expected are said aloud", async () => {
  const named = await netbind(["plan", "-f", "-", "--plugin", `masquerade=${picky.file}`], {
    stdin: vm("fine", "masquerade").replace("picky:", "masquerade:"),
  });
  expect(named.code, named.stderr).toBe(0);
  expect(named.stderr).toContain("replaces this release's own binding masquerade");
  expect(named.stderr).toContain('the binding calls itself "picky"; it serves the NICs of binding "masquerade"');
  const unused = await netbind(["plan", "-f", "-", "--plugin", picky.option, "--plugin", `other=${picky.file}`], {
    stdin: vm("fine"),
  });
  expect(unused.stderr).toContain("--plugin other: no NIC of the input uses binding other");
});

test.each([
  [["--plugin", "picky"], 2, "Write NAME=FILE or NAME=unix:SOCKET"],
  [["--plugin", "../x=a.mjs"], 2, "Write NAME=FILE or NAME=unix:SOCKET"],
  [["--plugin", "picky=unix:"], 2, "Write NAME=FILE or NAME=unix:SOCKET"],
  [["--plugin", "a=b", "--plugin", "a=c"], 2, "A plugin for a is named already"],
  [["--plugin", "picky=/nowhere.mjs"], 3, "--plugin picky: there is no file /nowhere.mjs"],
  [
    ["--plugin", "picky=/tmp"],
    3,
    "--plugin picky: /tmp is a directory, not a regular file: name the bundle that node sidecars/build.mjs",
  ],
  [["--plugin", "picky=/dev/null"], 3, "--plugin picky: /dev/null is not a regular file: "],
  [
    ["--plugin", "picky=unix:/nowhere.sock"],
    3,
    "--plugin picky: there is no socket /nowhere.sock: start the binding's process there",
  ],
  [
    ["--plugin", "picky=unix:/dev/null"],
    3,
    "--plugin picky: /dev/null is not a socket: start the binding's process there",
  ],
  [["--plugin", "a=/nowhere.mjs", "--plugin", "b=unix:/tmp"], 3, "--plugin b: /tmp is a directory, not a socket"],
  [[], 3, "name its bundle: --plugin picky=FILE"],
  [["--grants", "/nowhere.json"], 3, "/nowhere.json"],
] as const)("a command line with %j is refused", async (args, exit, says) => {
  const { code, stderr } = await netbind(["plan", "-f", "-", ...args], { stdin: vm("fine") });
  expect([code, stderr]).toEqual([exit, expect.stringContaining(says)]);
});

test("a socket that nothing listens at is named, in words", async () => {
  const dead = join(picky.directory, "dead.sock");
  const server = createServer().listen(dead);
  await once(server, "listening");
  const kept = `${dead}.kept`;
  linkSync(dead, kept);
  await new Promise((resolve) => server.close(resolve));
  const { code, stderr } = await netbind(["validate", "-f", "-", "--plugin", `picky=unix:${kept}`], {
    stdin: vm("fine"),
  });
  expect([code, stderr]).toEqual([
    1,
    expect.stringContaining(`failed to describe itself at ${kept}: no process listens on the socket`),
  ]);
  expect(stderr).not.toMatch(/undefined|Resolution note/);
});

test("of several plugins that fail, each is told of", async () => {
  const [throwing, ending] = [join(picky.directory, "throwing.mjs"), join(picky.directory, "ending.mjs")];
  writeFileSync(throwing, 'throw new Error("not today");');
  writeFileSync(ending, "process.exit(9);");
  const { code, stderr } = await netbind(
    ["validate", "-f", "-", "--plugin", `a=${throwing}`, "--plugin", `b=${ending}`],
    {
      stdin: vm("fine"),
    },
  );
  expect(code, stderr).toBe(1);
  expect(stderr).toContain("Error: not today");
  expect(stderr).toContain('binding "b": it did not start: it ended with exit code 9');
});

test("run takes a bundle alone: a sidecar is started from it", async () => {
  const { code, stderr } = await netbind(["run", "-f", "-", "--plugin", "picky=unix:/run/picky.sock"], {
    stdin: vm("fine"),
  });
  expect([code, stderr]).toEqual([
    1,
    expect.stringContaining("run starts a sidecar from the plugin's bundle: write picky=FILE"),
  ]);
});

test("a module that is not a binding, or that throws while it is loaded, is reported by its own lines", async () => {
  const wrong = join(picky.directory, "wrong.ts");
  for (const [text, says] of [
    ['throw new Error("not today");\nexport default {};', /not today \(at \S*wrong\.ts:1:\d+\)/],
    [
      'export default { name: "picky", contract: "v1alpha1", migration: "none", plans: () => ({}) };',
      /is not valid: plans: unknown field "plans" \(the nearest known field is "plan"\)\n/,
    ],
    ["export default 1;", /the module's default export, which defines the binding, is not valid: 1 is not an object/],
  ] as const) {
    writeFileSync(wrong, text);
    const bundle = spawn(
      process.execPath,
      ["sidecars/build.mjs", "--plugin", wrong, "--out", join(picky.directory, "wrong.mjs")],
      {
        cwd: fileURLToPath(new URL("../..", import.meta.url)),
      },
    );
    await new Promise((resolve) => bundle.on("exit", resolve));
    const { code, stderr } = await netbind(
      ["plan", "-f", "-", "--plugin", `picky=${join(picky.directory, "wrong.mjs")}`],
      {
        stdin: vm("fine"),
      },
    );
    expect([code, stderr]).toEqual([1, expect.stringMatching(says)]);
    expect(stderr.length).toBeLessThan(10_000);
  }
});
