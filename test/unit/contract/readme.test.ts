/** The example of the contract's README compiles as an author would compile it, and its test passes. The e2e and slow tiers ask and run it. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readPage, ROOT } from "../../support/cases/page-blocks.ts";

const page = readPage("README.md", readFileSync(`${ROOT}core/contract/README.md`, "utf8"));
let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "netbind-readme-"));
  for (const [name, text] of page.files) writeFileSync(join(directory, name), text);
  writeFileSync(join(directory, "package.json"), JSON.stringify({ type: "module" }));
  // What a plugin depends on, as an author has it: the contract and Vitest.
  symlinkSync(`${ROOT}plugins/bridge/node_modules`, join(directory, "node_modules"));
});
afterAll(() => rmSync(directory, { recursive: true }));

test("it compiles under this project's own rules", () => {
  const config = {
    extends: `${ROOT}tsconfig.base.json`,
    compilerOptions: { noEmit: true, composite: false, declaration: false, isolatedDeclarations: false },
    files: ["lan.ts", "lan.test.ts"],
  };
  writeFileSync(join(directory, "tsconfig.json"), JSON.stringify(config));
  const compile = (): string => execFileSync(`${ROOT}node_modules/.bin/tsc`, ["-p", directory], { encoding: "utf8" });
  expect(compile()).toBe("");
  const text = page.files.get("lan.ts") ?? "";
  // The compiler does look at it: a field that the contract does not have is refused.
  writeFileSync(join(directory, "lan.ts"), text.replace("takesPodMac", "takesPodMacs"));
  expect(compile).toThrow();
  writeFileSync(join(directory, "lan.ts"), text);
});

test("its test of the binding passes", () => {
  const config = 'export default { ssr: { resolve: { conditions: ["@netbind/source", "module", "node"] } } };';
  writeFileSync(join(directory, "vitest.config.mjs"), config);
  const vitest = ["run", "--root", directory, "--reporter=verbose"];
  const env = { ...process.env, NO_COLOR: "1" };
  const printed = execFileSync(process.execPath, [`${ROOT}node_modules/vitest/vitest.mjs`, ...vitest], {
    encoding: "utf8",
    env,
  });
  expect(printed).toMatch(/Tests +1 passed/);
});
