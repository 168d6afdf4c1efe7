/**
 * The shell blocks of the pages, and which test runs each. A block is a fence of language `sh`. A comment above it says more:
 *
 *     <!-- tier: e2e -->                                 the tier that runs it; unit where nothing is said
 *     <!-- exit: 1 -->                                   the exit code of its last command
 *     <!-- until: serving -->                            it is ended by SIGTERM once it has printed this
 *     <!-- tested by: test/slow/fresh-clone.test.ts -->  it is not run here: this test runs the same command, or names the
 *                                                        page, and takes its commands from it
 *     <!-- same as: docs/run.md -->                      it is not run here: that page has the same block
 *
 * Several are joined by `;`. A fence of language `text` right behind a block is what the block prints: its lines in this
 * order, `...` for anything. A fence behind a paragraph that ends in "as `NAME`:" is that file.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

export const TIERS = ["unit", "e2e", "slow"] as const;
export type Tier = (typeof TIERS)[number];

/** A shell block of a page. */
export interface Block {
  readonly page: string;
  /** Of its first command. */
  readonly line: number;
  readonly text: string;
  readonly tier: Tier;
  readonly exit: number;
  readonly until?: string;
  readonly testedBy?: string;
  readonly sameAs?: string;
  readonly prints: readonly string[];
}

/** A page, with what it has a reader save and run. */
export interface Page {
  /** Path from the checkout's root. */
  readonly name: string;
  readonly text: string;
  readonly files: ReadonlyMap<string, string>;
  readonly blocks: readonly Block[];
}

interface Fence {
  readonly language: string;
  readonly line: number;
  readonly text: string;
  /** What stands between the fence before and this one. */
  readonly before: string;
}

const MARKS = ["tier", "exit", "until", "tested by", "same as"] as const;

function fencesOf(text: string): readonly Fence[] {
  const fences: Fence[] = [];
  let open:
    | { readonly language: string; readonly line: number; readonly before: string; readonly lines: string[] }
    | undefined;
  let before: string[] = [];
  for (const [at, line] of text.split("\n").entries()) {
    if (open !== undefined && line === "```") {
      fences.push({ ...open, text: `${open.lines.join("\n")}\n` });
      open = undefined;
      before = [];
    } else if (open !== undefined) open.lines.push(line);
    else if (line.startsWith("```"))
      open = { language: line.slice(3), line: at + 2, before: before.join("\n").trimEnd(), lines: [] };
    else before.push(line);
  }
  if (open !== undefined) throw new Error(`the fence at line ${open.line - 1} does not end`);
  return fences;
}

/** The marks of the comment that ends a text. */
function marksOf(before: string, place: string): ReadonlyMap<string, string> {
  const [, comment] = /<!-- ([^>]*) -->$/.exec(before) ?? [];
  const pairs = (comment ?? "").split(";").filter((one) => one.trim() !== "");
  return new Map(
    pairs.map((pair) => {
      const [key = "", value = ""] = pair.split(/:(.*)/s).map((part) => part.trim());
      if (!MARKS.some((mark) => mark === key) || value === "")
        throw new Error(`${place}: ${JSON.stringify(pair)} is not a mark`);
      return [key, value] as const;
    }),
  );
}

function blockOf(page: string, { line, text, before }: Fence, next: Fence | undefined): Block {
  const marks = marksOf(before, `${page}:${line}`);
  const tier = marks.get("tier") ?? "unit";
  if (!TIERS.some((one) => one === tier)) throw new Error(`${page}:${line}: ${tier} is not a tier of pages`);
  const [until, testedBy, sameAs] = [marks.get("until"), marks.get("tested by"), marks.get("same as")];
  return {
    page,
    line,
    text,
    tier: tier as Tier,
    exit: Number(marks.get("exit") ?? 0),
    ...(until === undefined ? {} : { until }),
    ...(testedBy === undefined ? {} : { testedBy }),
    ...(sameAs === undefined ? {} : { sameAs }),
    prints: next?.language === "text" && next.before.trim() === "" ? next.text.trimEnd().split("\n") : [],
  };
}

/** Reads a page. @throws Error where its fences or marks are not valid */
export function readPage(name: string, text: string): Page {
  const fences = fencesOf(text);
  const files = fences.flatMap(({ before, text: content }) => {
    const [, file] = /\bas\s`([\w./-]+)`:$/.exec(before) ?? [];
    return file === undefined ? [] : [[file, content] as const];
  });
  const blocks = fences.flatMap((fence, at) => (fence.language === "sh" ? [blockOf(name, fence, fences[at + 1])] : []));
  return { name, text, files: new Map(files), blocks };
}

/** The folders of packages, from the checkout's root. */
export const packageFolders = (): readonly string[] =>
  [
    "proto",
    "sidecars",
    ...["core", "plugins"].flatMap((folder) => readdirSync(`${ROOT}${folder}`).map((name) => `${folder}/${name}`)),
  ].filter((folder) => existsSync(`${ROOT}${folder}/package.json`));

/** The README, every page of `docs`, and the README of every package. */
export const readPages = (): readonly Page[] =>
  [
    "README.md",
    ...readdirSync(`${ROOT}docs`).map((name) => `docs/${name}`),
    ...packageFolders().map((name) => `${name}/README.md`),
  ]
    .filter((name) => name.endsWith(".md"))
    .sort()
    .map((name) => readPage(name, readFileSync(`${ROOT}${name}`, "utf8")));

/** The commands of a block: one for each line, comments and continuations aside. */
export const commandsOf = ({ text }: Pick<Block, "text">): readonly string[] =>
  text
    .replaceAll("\\\n", " ")
    .split("\n")
    .map((line) => line.replace(/\s+#.*$/, "").trim())
    .filter((line) => line !== "" && !line.startsWith("#"));

/** A program's text as the words that it has: `"npm", ["run", "demo"]` is `npm run demo`. */
const wordsOf = (text: string): string => ` ${text.replace(/["'`,[\](){}\s]+/g, " ").trim()} `;

/** A command up to its first option: with which options a test runs it is the test's, and from where. */
const stem = (command: string): string => (command.split(" -")[0] ?? command).replace(/^\.\//, "");

/** The text of a test and of the files of its support that it imports. */
function testText(file: string): string {
  const text = readFileSync(`${ROOT}${file}`, "utf8");
  const support = [...text.matchAll(/from "\.\.\/support\/([\w/-]+\.ts)"/g)].map(([, name = ""]) => name);
  return [text, ...support.map((name) => readFileSync(`${ROOT}test/support/${name}`, "utf8"))].join("\n");
}

function untested(block: Block, file: string): readonly string[] {
  const place = `${block.page}:${block.line}`;
  if (!/^test\/[\w/-]+\.test\.ts$|^\.ci\/run$/.test(file)) return [`${place}: ${file} is not a test`];
  try {
    // One that takes the commands from the page itself runs them as they are there.
    if (readFileSync(`${ROOT}${file}`, "utf8").includes(JSON.stringify(block.page))) return [];
    const text = wordsOf(testText(file));
    return commandsOf(block)
      .filter((command) => !text.includes(wordsOf(stem(command))))
      .map((command) => `${place}: ${file} does not run: ${command}`);
  } catch {
    return [`${place}: ${file} does not exist`];
  }
}

function unequal(block: Block, page: Page | undefined): readonly string[] {
  const others = (page?.blocks ?? []).filter(({ testedBy, sameAs }) => testedBy === undefined && sameAs === undefined);
  const commands = others.flatMap(commandsOf);
  return commandsOf(block)
    .filter((command) => !commands.includes(command))
    .map((command) => `${block.page}:${block.line}: ${block.sameAs} does not run: ${command}`);
}

/** Which commands of pages that are not run here are not run elsewhere either, and which files differ there. */
export function findUnrun(pages: readonly Page[]): readonly string[] {
  const pageOf = (name: string): Page | undefined => pages.find((page) => page.name === name);
  return pages.flatMap(({ name, blocks, files }) =>
    blocks.flatMap((block) => {
      if (block.testedBy !== undefined) return untested(block, block.testedBy);
      if (block.sameAs === undefined) return [];
      const other = pageOf(block.sameAs);
      const differing = [...files].filter(([file, text]) => other?.files.get(file) !== text).map(([file]) => file);
      return [
        ...unequal(block, other),
        ...differing.map((file) => `${name}: ${file} differs from the one of ${block.sameAs}`),
      ];
    }),
  );
}

/** The anchors of a page's headings, as GitHub makes them. */
const anchorsOf = (text: string): readonly string[] =>
  [...text.replace(/^```[\s\S]*?^```$/gm, "").matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replace(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );

/** The links of a page that lead to no file, or to no heading of one. */
export const findBrokenLinks = ({ name, text }: Pick<Page, "name" | "text">): readonly string[] =>
  [...text.matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)/g)].flatMap(([, path = "", anchor]) => {
    const file = join(ROOT, dirname(name), path);
    if (path !== "" && !existsSync(file)) return [`${name}: ${path} does not exist`];
    if (anchor === undefined || anchorsOf(path === "" ? text : readFileSync(file, "utf8")).includes(anchor)) return [];
    return [`${name}: ${path || "the page"} has no heading #${anchor}`];
  });

/** How the commands of pages begin. */
const COMMAND = /^(?:\.\/netbind|kubectl|helm|npm|skopeo|curl|ip) /;

/** What keeps commands of a page out of sight: code without a language, commands as text, and code that is only indented. */
export const findHidden = ({ name, text }: Page): readonly string[] => [
  ...fencesOf(text)
    .filter(({ language }) => !/^(sh|text|yaml|json|ts|mermaid)$/.test(language))
    .map(
      ({ line, language }) =>
        `${name}:${line}: a fence of language ${JSON.stringify(language)}: write sh, text, yaml, json or ts`,
    ),
  ...fencesOf(text)
    .filter(({ language }) => language === "text")
    .flatMap(({ line, text: printed }) =>
      printed
        .split("\n")
        .filter((one) => COMMAND.test(one))
        .map((one) => `${name}:${line}: a command in a fence of language text: ${one}: write sh`),
    ),
  ...[
    ...text.replace(/^```\w*\n[\s\S]*?^```$/gm, (fence) => fence.replace(/^.*$/gm, "```")).matchAll(/\n\n( {4,}\S.*)/g),
  ].map(([, line = ""]) => `${name}: indented code is not run by any test: ${line.trim()}`),
];
