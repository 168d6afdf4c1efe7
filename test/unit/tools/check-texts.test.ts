/**
 * No text tells its reader to run what a registry has under a name: anyone may publish it, and root would run it. The prose
 * of pages fits a terminal. Retired identifiers, phrases and spellings are refused wherever they are.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const NPX = ["n", "px"].join("");

const check = (root: string): { readonly status: number | null; readonly stderr: string } =>
  spawnSync(process.execPath, [join(ROOT, "tools/check-texts.mjs"), root], { encoding: "utf8" });

/** What the check says of a tree with one file: its exit code, and its lines. */
function checkFile(name: string, text: string): { readonly status: number | null; readonly lines: readonly string[] } {
  const root = mkdtempSync(join(tmpdir(), "netbind-texts-"));
  try {
    spawnSync("git", ["init", "-q", root]);
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
    const { status, stderr } = check(root);
    return { status, lines: stderr.split("\n").filter((line) => line !== "") };
  } finally {
    rmSync(root, { recursive: true });
  }
}

test("the tree passes", () => expect(check(ROOT)).toMatchObject({ status: 0, stderr: "" }));

test.each([
  ["README.md", `Run it:\n\n    ${NPX} netbind run -f vm.yaml\n`, 1],
  ["help.ts", `export const HELP = "see ${NPX} netbind status";\n`, 1],
  [
    "deep.sh",
    `${NPX} -y netbind gc\n${["pnpm", "dlx"].join(" ")} netbind\n${["npm", "exec"].join(" ")} netbind -- gc\n`,
    3,
  ],
  [
    "CONTRIBUTING.md",
    `${"word ".repeat(30)}\n\n| ${"cell ".repeat(30)}|\n\n\`\`\`sh\n${"echo ".repeat(30)}\n\`\`\`\n`,
    1,
  ],
  ["other.md", `${"word ".repeat(30)}\n`, 0],
  ["fine.md", `${NPX} --no-install netbind run\n./netbind gc\nnpm run demo\n`, 0],
] as const)("%s: what would fetch a package, and prose that is too long, is refused", (name, text, problems) => {
  const { status, lines } = checkFile(name, text);
  expect([status, lines.filter((line) => line.startsWith(`${name}: `)).length]).toEqual([
    problems === 0 ? 0 : 1,
    problems,
  ]);
});

/** The list that the check reads; what is planted is taken from it, or put together here, so that no file has it. */
const RETIRED = JSON.parse(readFileSync(join(ROOT, "tools/retired-words.json"), "utf8")) as {
  readonly identifiers: Readonly<Record<string, string>>;
  readonly spelling: Readonly<Record<string, string>>;
};
const NO = ["is", "no"].join(" ");

test("every retired identifier is refused in a text, with what replaces it, and every spelling within a word", () => {
  const words = { ...RETIRED.identifiers, ...RETIRED.spelling };
  const { status, lines } = checkFile("a.ts", Object.keys(words).join("\n"));
  expect(status).toBe(1);
  expect(lines).toHaveLength(Object.keys(words).length);
  for (const [at, [word, instead]] of Object.entries(words).entries())
    expect(lines).toContain(`a.ts: line ${at + 1}: "${word}" is retired: write ${instead}`);
  const [stem = ""] = Object.keys(RETIRED.spelling);
  expect(checkFile("b.ts", `const un${stem}ed = 1;\n`).status).toBe(1);
});

const [IDENTIFIER = ""] = Object.keys(RETIRED.identifiers);

test.each([
  ["an identifier in a file's name", `src/${IDENTIFIER}.ts`, "", IDENTIFIER],
  ["a phrase in a message", "a.ts", `fail(\`\${port} ${NO} port\`);\n`, `${NO} p`],
  ["a phrase in the plural", "a.md", "# Page\n\nSuch names are".concat(" no labels.\n"), ["are", "no l"].join(" ")],
  ["a phrase over two lines of a comment", "a.ts", `/**\n * A text that is\n * ${"no"} YAML.\n */\n`, "no Y"],
  ["a phrase in a golden output", "test/cases/a/refused.txt", `a.yaml:1: kind: x ${NO} kind\n`, `${NO} k`],
  [
    "a word at a sentence's beginning",
    "a.md",
    `${["Who", "ever"].join("")} asks gets an answer.\n`,
    ["Who", "ever"].join(""),
  ],
  [
    "a word in a test's name",
    "a.test.ts",
    `test("it is made ${["a", "new"].join("")}", run);\n`,
    ["a", "new"].join(""),
  ],
  [
    "an owner without a name",
    "a.json",
    `{"about": "${["somebody", "s"].join("'")} file"}\n`,
    ["somebody", "s"].join("'"),
  ],
])("%s is refused", (_, name, text, found) => {
  const { status, lines } = checkFile(name, text);
  expect([status, lines]).toEqual([1, [expect.stringContaining(found)]]);
  expect(lines[0]).toMatch(/^[^:]+: .* is retired: write .+/);
});

test.each([
  ["README.md", "There is no way. If there are no links, it is no longer than this, and is no more than a text.\n"],
  ["a.ts", `/**\n * Where there\n * ${NO} lock, nothing is held.\n */\nexport const isNo = anewed;\n`],
  ["b.ts", "const journal = open(); // A journaling file system; retract, patient, somebody, a new one.\n"],
  ["proto/src/gen/a.ts", `// ${IDENTIFIER} ${NO} name\n`],
  ["test/vectors/data.json", `{"message": "it ${NO} valid name"}\n`],
])("%s: plain English, and what others wrote, is left alone", (name, text) => {
  expect(checkFile(name, text)).toEqual({ status: 0, lines: [] });
});

test("./netbind runs this checkout's command from any directory, and by a link", () => {
  const { status, stdout, stderr } = spawnSync(join(ROOT, "netbind"), ["--help"], { cwd: "/", encoding: "utf8" });
  expect(status, stderr).toBe(0);
  expect(stdout).toContain("Usage: netbind");
});
