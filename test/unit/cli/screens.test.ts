/** What a person reads of frequent mistakes on a terminal of 80 columns. */
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { netbindOnTerminal } from "../../support/guest/terminal.ts";

const FOLDER = fileURLToPath(new URL("../../screens/", import.meta.url));
const names = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".yaml"))
  .map((name) => name.replace(/\.yaml$/, ""));

const validate = (name: string, env: NodeJS.ProcessEnv): Promise<string> =>
  netbindOnTerminal(["validate", "-f", `${name}.yaml`], { cwd: FOLDER, columns: 80, env });

test("there are fifteen", () => {
  expect(names).toHaveLength(15);
});

test.each(names)("%s", async (name) => {
  const screen = await validate(name, { NO_COLOR: "1" });
  expect(screen).not.toContain("\u001b");
  await expect(screen).toMatchFileSnapshot(`${FOLDER}${name}.txt`);
});

test("a terminal shows colors, and a line is as wide as the terminal at the most where its words allow", async () => {
  const screen = await validate("14-list", { TERM: "xterm" });
  expect(screen).toContain("\u001b[31merror: ");
  const plain = await validate("14-list", { NO_COLOR: "1" });
  expect(screen.replaceAll(/\u001b\[\d+m/g, "")).toBe(plain);
  for (const line of plain.split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);
});

test("a list of explanations is as wide as the terminal at the most, and no word of it is cut", async () => {
  const call = { cwd: FOLDER, env: { NO_COLOR: "1" } };
  const [wide, narrow] = await Promise.all(
    [2000, 72].map((columns) => netbindOnTerminal(["explain"], { ...call, columns })),
  );
  for (const line of narrow?.split("\n") ?? []) expect(line.length, line).toBeLessThanOrEqual(72);
  expect(narrow?.split(/\s+/)).toEqual(wide?.split(/\s+/));
});
