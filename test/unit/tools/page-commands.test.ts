/** What a page tells its reader to run is run by a test, and every page reads as the others do. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { EXIT } from "../../../core/cli/src/exit-codes.ts";
import { useNetbind } from "../../support/guest/use-netbind.ts";
import {
  commandsOf,
  findBrokenLinks,
  findHidden,
  findUnrun,
  packageFolders,
  readPage,
  readPages,
  ROOT,
} from "../../support/cases/page-blocks.ts";
import { blocksOf, runPage } from "../../support/cases/run-page.ts";

const netbind = useNetbind();
const pages = readPages();
const fence = (text: string, language = "sh"): string => `\`\`\`${language}\n${text}\n\`\`\`\n`;

describe("the commands of pages", () => {
  test("no command is out of sight, and each that is not run here is run by the test that the page names", () => {
    expect(pages.flatMap(findHidden)).toEqual([]);
    expect(findUnrun(pages)).toEqual([]);
    expect(pages.flatMap(({ blocks }) => blocks.flatMap(commandsOf)).length).toBeGreaterThan(30);
  });

  test.each(
    pages
      .filter((page) => blocksOf(page, "unit").some(({ tier }) => tier === "unit"))
      .map((page) => [page.name, page] as const),
  )("%s: what needs no guest runs", async (_, page) => {
    expect(await runPage(page, "unit")).toEqual([]);
  });

  test("a command that fails, prints something else, hides, or is not where the page says, is found", async () => {
    const problems = (text: string): Promise<readonly string[]> => runPage(readPage("p.md", text), "unit");
    expect(await problems(fence("false"))).toEqual([expect.stringContaining("it ended with 1")]);
    expect(await problems(`<!-- exit: 1 -->\n${fence("false")}`)).toEqual([]);
    expect(await problems(`${fence("echo one; echo two")}\n${fence("two\none", "text")}`)).toEqual([
      expect.stringContaining("did not print: one"),
    ]);
    expect(
      await problems(
        `Save it as \`a/b.txt\`:\n\n${fence("x y", "text")}\n${fence("cat a/b.txt")}\n${fence("x ...", "text")}`,
      ),
    ).toEqual([]);
    const unrun = (text: string): readonly string[] => findUnrun([readPage("p.md", text)]);
    expect(unrun(`<!-- tested by: test/slow/fresh-clone.test.ts -->\n${fence("npm run demo -- --port 81")}`)).toEqual(
      [],
    );
    expect(unrun(`<!-- tested by: test/slow/fresh-clone.test.ts -->\n${fence("npm run other")}`)).toHaveLength(1);
    expect(unrun(`<!-- tested by: test/slow/nowhere.test.ts -->\n${fence("npm run demo")}`)).toHaveLength(1);
    expect(unrun(`<!-- same as: docs/run.md -->\n${fence("npm run demo")}`)).toHaveLength(1);
    expect(findHidden(readPage("p.md", "Run it:\n\n    rm it\n"))).toHaveLength(1);
    expect(findHidden(readPage("p.md", fence("rm it", "bash")))).toHaveLength(1);
    expect(findHidden(readPage("p.md", fence("printed\nkubectl get pods", "text")))).toHaveLength(1);
    expect(() => readPage("p.md", `<!-- tier: never -->\n${fence("true")}`)).toThrow("not a tier");
    expect(() => readPage("p.md", `<!-- tested: no -->\n${fence("true")}`)).toThrow("not a mark");
  });

  test("commands and options that a sentence names are the command's", async () => {
    const named = pages.flatMap(({ name, text }) =>
      [...text.matchAll(/`(?:\.\/)?netbind ([a-z][a-z-]*)([^`\n]*)`/g)].map(([, command = "", rest = ""]) => ({
        name,
        command,
        rest,
      })),
    );
    const commands = [...new Set(named.map(({ command }) => command))];
    const helps = await Promise.all(commands.map((command) => netbind([command, "--help"])));
    const helpOf = new Map(commands.map((command, at) => [command, helps[at]]));
    for (const { name, command, rest } of named) {
      expect(helpOf.get(command)?.code, `${name}: netbind ${command}`).toBe(0);
      for (const [option] of rest.matchAll(/--[a-z-]+/g))
        expect(helpOf.get(command)?.stdout, `${name}: ${command}`).toContain(option);
    }
  });
});

test("the index of docs has every exit code of the command", () => {
  const index = readFileSync(`${ROOT}docs/README.md`, "utf8");
  for (const code of Object.values(EXIT)) expect(index).toMatch(new RegExp(`\\b${code}\\b`));
});

/** The pages, and those that have no commands. */
const texts = [
  ...pages.map(({ name, text }) => ({ name, text })),
  ...["ARCHITECTURE.md", "CONTRIBUTING.md"].map((name) => ({ name, text: readFileSync(`${ROOT}${name}`, "utf8") })),
];

describe("the pages themselves", () => {
  test("every package has a page, and every setting and npm script that a page names is there", () => {
    for (const folder of packageFolders()) expect(existsSync(`${ROOT}${folder}/README.md`), folder).toBe(true);
    const { scripts } = JSON.parse(readFileSync(`${ROOT}package.json`, "utf8")) as {
      readonly scripts: Readonly<Record<string, string>>;
    };
    const sources = ["core", "sidecars", "tools", "test"].flatMap((folder) =>
      readdirSync(`${ROOT}${folder}`, { recursive: true, encoding: "utf8" })
        .filter((name) => /\.(ts|mjs)$/.test(name) && !/(^|\/)(node_modules|dist)\//.test(name))
        .map((name) => readFileSync(`${ROOT}${folder}/${name}`, "utf8")),
    );
    for (const { name, text } of texts) {
      for (const [setting] of text.matchAll(/\bNETBIND_[A-Z_]+\b/g))
        expect(
          sources.some((source) => source.includes(setting)),
          `${name}: ${setting}`,
        ).toBe(true);
      for (const [, script = ""] of text.matchAll(/npm run ([a-z:]+)/g))
        expect(Object.keys(scripts), name).toContain(script);
    }
  });

  test("the README is at most 60 lines", () => {
    expect(readFileSync(`${ROOT}README.md`, "utf8").trimEnd().split("\n").length).toBeLessThanOrEqual(60);
  });

  test("every file of this checkout that a page names is there", () => {
    const named = texts.flatMap(({ name, text }) =>
      [...text.matchAll(/`((?:core|plugins|proto|sidecars|test|tools|docs)\/[\w./-]+)`/g)].map(
        ([, path = ""]) => `${name}: ${path}`,
      ),
    );
    expect(named.length).toBeGreaterThan(40);
    // What a build makes is there after it.
    const missing = named.filter((one) => !existsSync(`${ROOT}${one.split(": ")[1]}`) && !/\/dist\b/.test(one));
    expect(missing).toEqual([]);
  });

  test("every page of docs is in their index, and every link leads somewhere", () => {
    const index = readFileSync(`${ROOT}docs/README.md`, "utf8");
    for (const { name } of pages.filter((page) => /^docs\/(?!README)/.test(page.name)))
      expect(index).toContain(`(${name.slice("docs/".length)})`);
    expect(texts.flatMap(findBrokenLinks)).toEqual([]);
  });

  test("a link to a file or heading that does not exist is found", () => {
    const broken = (text: string): readonly string[] => findBrokenLinks({ name: "docs/p.md", text });
    expect(broken("[a](run.md) [b](run.md#limits-places-and-logs) [c](#here)\n## Here\n")).toEqual([]);
    expect(broken("[a](../docs/none.md) [b](run.md#none) [c](#there)")).toEqual([
      "docs/p.md: ../docs/none.md does not exist",
      "docs/p.md: run.md has no heading #none",
      "docs/p.md: the page has no heading #there",
    ]);
  });
});
