/** The example of the contract's README compiles as an author would compile it. The e2e and slow tiers ask and run it. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readPage, ROOT } from "../../support/cases/page-blocks.ts";

const page = readPage("README.md", readFileSync(`${ROOT}core/contract/README.md`, "utf8"));
let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "netbind-readme-"));
  for (const [name, text] of page.files) writeFileSync(join(directory, name), text);
});
afterAll(() => rmSync(directory, { recursive: true }));

test("it compiles under this project's own rules", () => {
  const paths = { "@netbind/contract": [`${ROOT}core/contract/src/index.ts`] };
  const config = {
    extends: `${ROOT}tsconfig.base.json`,
    compilerOptions: { noEmit: true, composite: false, declaration: false, isolatedDeclarations: false, paths },
    files: ["lan.ts"],
  };
  writeFileSync(join(directory, "package.json"), JSON.stringify({ type: "module" }));
  writeFileSync(join(directory, "tsconfig.json"), JSON.stringify(config));
  const compile = (): string => execFileSync(`${ROOT}node_modules/.bin/tsc`, ["-p", directory], { encoding: "utf8" });
  expect(compile()).toBe("");
  // The compiler does look at it: a field that the contract does not have is refused.
  writeFileSync(join(directory, "lan.ts"), page.files.get("lan.ts")?.replace("takesPodMac", "takesPodMacs") ?? "");
  expect(compile).toThrow();
});
