/**
 * Nothing that anybody reads says to run what a registry has under a name: anybody may publish it, and root would run it. And
 * the prose of pages fits a terminal.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const NPX = ["n", "px"].join("");

const check = (root: string): { readonly status: number | null; readonly stderr: string } =>
  spawnSync(process.execPath, [join(ROOT, "tools/check-texts.mjs"), root], { encoding: "utf8" });

test("the tree says so nowhere", () => expect(check(ROOT)).toMatchObject({ status: 0, stderr: "" }));

test.each([
  ["README.md", `Run it:\n\n    ${NPX} netbind run -f vm.yaml\n`, 1],
  ["help.ts", `export const HELP = "see ${NPX} netbind status";\n`, 1],
  ["deep.sh", `${NPX} -y netbind gc\n${["pnpm", "dlx"].join(" ")} netbind\n${["npm", "exec"].join(" ")} netbind -- gc\n`, 3],
  ["CONTRIBUTING.md", `${"word ".repeat(30)}\n\n| ${"cell ".repeat(30)}|\n\n\`\`\`sh\n${"echo ".repeat(30)}\n\`\`\`\n`, 1],
  ["other.md", `${"word ".repeat(30)}\n`, 0],
  ["fine.md", `${NPX} --no-install netbind run\n./netbind gc\nnpm run demo\n`, 0],
] as const)("%s: what would fetch a package, and prose that is too long, is refused", (name, text, problems) => {
  const root = mkdtempSync(join(tmpdir(), "netbind-texts-"));
  try {
    spawnSync("git", ["init", "-q", root]);
    writeFileSync(join(root, name), text);
    const { status, stderr } = check(root);
    expect([status, stderr.split("\n").filter((line) => line.startsWith(`${name}: `)).length]).toEqual([problems === 0 ? 0 : 1, problems]);
  } finally {
    rmSync(root, { recursive: true });
  }
});

test("./netbind runs this checkout's command from any directory, and by a link", () => {
  const { status, stdout, stderr } = spawnSync(join(ROOT, "netbind"), ["--help"], { cwd: "/", encoding: "utf8" });
  expect(status, stderr).toBe(0);
  expect(stdout).toContain("Usage: netbind");
});
