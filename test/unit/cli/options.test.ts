/** A wrong command line ends with words: which option, which value, and what it takes. */
import { readFileSync } from "node:fs";
import type { Command, Option } from "commander";
import { expect, test } from "vitest";
import { commandsOf, createProgram } from "../../../core/cli/src/program.ts";
import { useNetbind } from "../../support/guest/use-netbind.ts";

const netbind = useNetbind();

const parser = (): Command =>
  createProgram(
    () => Promise.reject(new Error("nothing is composed")),
    () => Promise.reject(new Error("no action runs")),
  );

/** Every option of every command, with the words that lead to the command. */
const OPTIONS = commandsOf(parser()).flatMap((command) => {
  const words: string[] = [];
  for (let at: Command | null = command; at?.parent; at = at.parent) words.unshift(at.name());
  return command.options.map((option) => ({ words, option, name: [...words, option.long].join(" ") }));
});

/** What no option with a parser of its own can take all of. */
const BAD = ["", "no such value", "-1", "=", "a=", "1.99"];

/** What a command line ends with, as it is printed. */
async function errorOf(args: readonly string[]): Promise<string> {
  const program = parser();
  let printed = "";
  for (const command of commandsOf(program))
    command.configureOutput({
      writeErr: (text) => {
        printed += text;
      },
    });
  await program.parseAsync([...args], { from: "user" }).catch(() => undefined);
  return printed;
}

const argumentsOf = ({ words }: { readonly words: readonly string[] }): readonly string[] => {
  const command = commandsOf(parser()).find((one) => one.name() === words.at(-1));
  return (command?.registeredArguments ?? []).filter(({ required }) => required).map(() => "name");
};

const hasParser = ({ option }: { readonly option: Option }): boolean => option.parseArg !== undefined;

test("the commands have options with parsers, of files, numbers, versions and choices", () => {
  const names = OPTIONS.filter(hasParser).map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(["run --wait", "validate --kubevirt-version", "plan --plugin"]));
});

test.each(OPTIONS.filter(hasParser))("$name names itself, the bad value and what it takes", async (one) => {
  const { words, option } = one;
  const outcomes = await Promise.all(
    BAD.map(async (value) => ({
      value,
      text: await errorOf([...words, ...argumentsOf(one), `${option.long}=${value}`]),
    })),
  );
  const refused = outcomes.filter(({ text }) => text.includes("is invalid"));
  expect(refused.length, "it refuses one of the bad values at least").toBeGreaterThan(0);
  for (const { value, text } of refused) {
    expect(text).toContain(`option '${option.flags}' argument '${value}' is invalid. `);
    expect(text.trim()).toMatch(/ is invalid\. (?:Write .+|Allowed choices are .+|.+ already)\.$/);
  }
});

test("a file that an option names, and that cannot be read, is named with the option", async () => {
  for (const option of ["--pod-link", "--grants"]) {
    const { code, stderr } = await netbind(["plan", "-f", "-", option, "/nope"], { stdin: "" });
    expect([code, stderr]).toEqual([3, expect.stringContaining(`${option} /nope: it cannot be read: `)]);
  }
});

test("the version is the package's", async () => {
  const { version } = JSON.parse(readFileSync(new URL("../../../core/cli/package.json", import.meta.url), "utf8")) as {
    readonly version: string;
  };
  for (const option of ["--version", "-V"])
    expect(await netbind([option])).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: "" });
});

test("exit codes are explained once, and help shows no default that says nothing", async () => {
  const { code, stdout } = await netbind(["help", "exit-codes"]);
  expect(code).toBe(0);
  expect(stdout.split("\n").map((line) => line.trim().split(" ")[0])).toEqual(
    expect.arrayContaining(["0", "1", "2", "3", "4", "5", "130", "143"]),
  );
  for (const command of commandsOf(parser())) {
    const help = command.helpInformation();
    expect(help).not.toMatch(/default: (?:\[\]|\{\}|false|none\))/);
    if (command.name() !== "exit-codes") expect(help).not.toContain("wrong command line");
  }
});
