/** What may stand at the end of a command line, as the commands themselves say it: nothing is listed a second time. */
import type { Argument, Command, Option } from "commander";

/** A word that may stand there, and what it means. */
export interface Candidate {
  readonly word: string;
  readonly means: string;
}

/** Words, or the names of files, which a shell completes itself. */
export type Candidates = readonly Candidate[] | "files";

/** What the names of arguments stand for, where they are neither files nor choices. */
export type Namers = Readonly<Record<string, () => Promise<readonly Candidate[]>>>;

/** What is between the brackets of an option or an argument that is a file. */
const FILE = /\b(?:file|files|directory)\b/;

const choices = (list: readonly string[], prefix = ""): readonly Candidate[] =>
  list.map((word) => ({ word: `${prefix}${word}`, means: "" }));

const optionsOf = (command: Command): readonly Candidate[] =>
  command
    .createHelp()
    .visibleOptions(command)
    .flatMap(({ long, short, description }) =>
      [long, short].flatMap((word) => (word ? [{ word, means: description }] : [])),
    );

const commandsIn = (command: Command): readonly Candidate[] =>
  command
    .createHelp()
    .visibleCommands(command)
    .map((one) => ({ word: one.name(), means: one.description() }));

/** What `netbind help` explains: the commands, and topics that are nothing else. */
const topicsOf = ({ commands }: Command): readonly Candidate[] =>
  commands.filter((one) => !one.name().startsWith("_")).map((one) => ({ word: one.name(), means: one.description() }));

const valuesOf = ({ argChoices, flags }: Option, prefix = ""): Candidates =>
  argChoices === undefined ? (FILE.test(flags) ? "files" : []) : choices(argChoices, prefix);

async function argumentsOf(argument: Argument | undefined, namers: Namers): Promise<Candidates> {
  if (argument === undefined) return [];
  if (argument.argChoices !== undefined) return choices(argument.argChoices);
  const name = argument.name();
  return FILE.test(name) ? "files" : ((await namers[name]?.()) ?? []);
}

/** Where a command line stands. */
interface Position {
  readonly command: Command;
  /** How many of the command's arguments are there. */
  readonly named: number;
  /** The option whose value is next. */
  readonly waiting?: Option;
}

function optionNamed({ options }: Command, word: string): Option | undefined {
  const [name] = word.split("=", 1);
  return options.find(({ long, short }) => name === long || name === short);
}

/** The position behind a word. */
function step({ command, named, waiting }: Position, word: string): Position {
  if (waiting !== undefined) return { command, named };
  if (word.startsWith("-")) {
    const option = optionNamed(command, word);
    const isOpen = option?.required === true && !word.includes("=");
    return isOpen ? { command, named, waiting: option } : { command, named };
  }
  const inner = command.commands.find((one) => one.name() === word);
  return inner === undefined ? { command, named: named + 1 } : { command: inner, named: 0 };
}

/** All that may stand where the last word is. */
async function possible({ command, named, waiting }: Position, last: string, namers: Namers): Promise<Candidates> {
  if (waiting !== undefined) return valuesOf(waiting);
  const option = last.startsWith("--") && last.includes("=") ? optionNamed(command, last) : undefined;
  if (option !== undefined) return valuesOf(option, last.slice(0, last.indexOf("=") + 1));
  if (last.startsWith("-")) return optionsOf(command);
  if (command.commands.length > 0) return commandsIn(command);
  const { registeredArguments: all } = command;
  const argument = all[named] ?? (all.at(-1)?.variadic === true ? all.at(-1) : undefined);
  return argumentsOf(argument, namers);
}

/** What the last of a command line's words may become; the words are those behind the program's name. */
export async function candidatesFor(program: Command, words: readonly string[], namers: Namers): Promise<Candidates> {
  const [before, last = ""] = [words.slice(0, -1), words.at(-1)];
  const position = before.reduce<Position>(step, { command: program, named: 0 });
  const all = before[0] === "help" ? topicsOf(program) : await possible(position, last, namers);
  return all === "files" ? all : all.filter(({ word }) => word.startsWith(last));
}
